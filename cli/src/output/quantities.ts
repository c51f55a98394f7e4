/** Numbers, sizes and times as people read them. */

const UNITS = ["B", "KB", "MB", "GB", "TB"];

/** `12,345`. */
export function count(value: number): string {
  return value.toLocaleString("en");
}

/** A count and its noun: `1 batch`, `2 batches`. */
export function counted(value: number, singular: string, plural = `${singular}s`): string {
  return `${count(value)} ${value === 1 ? singular : plural}`;
}

/** Bytes in powers of a thousand: `1.4 MB`; always at most 7 columns. */
export function size(bytes: number): string {
  let power = 0;
  let value = bytes;
  // 999.95 KB would be rounded to 1000.0 KB.
  while (value >= 999.5 && power < UNITS.length - 1) {
    value /= 1000;
    power++;
  }
  const digits = power === 0 || value >= 99.95 ? 0 : 1;
  return `${value.toFixed(digits)} ${UNITS[power]}`;
}

/** A part of a whole: `42 %`. */
export function share(part: number, whole: number): string {
  if (whole === 0 || part === 0) return "0 %";
  const percent = (part / whole) * 100;
  return percent < 1 ? "<1 %" : `${Math.round(percent)} %`;
}

/** A time of this machine's zone: `2026-11-21 10:32:01`. 0 is not known. */
export function localTime(timeMs: number): string {
  if (timeMs === 0) return "unknown";
  const at = new Date(timeMs);
  if (Number.isNaN(at.getTime())) return "unknown";
  const day = [at.getFullYear(), at.getMonth() + 1, at.getDate()];
  const clock = [at.getHours(), at.getMinutes(), at.getSeconds()];
  return `${day.map(twoDigits).join("-")} ${clock.map(twoDigits).join(":")}`;
}

/** The day of a time: `2026-11-21`. */
export function localDay(timeMs: number): string {
  return localTime(timeMs).split(" ")[0] as string;
}

const STEPS: readonly (readonly [seconds: number, unit: string])[] = [
  [31_557_600, "y"],
  [2_629_800, "mo"],
  [86_400, "d"],
  [3600, "h"],
  [60, "min"],
  [1, "s"],
];

/** How long ago: `5 min ago`; at most 10 columns. Clocks differ: what is to come is `in 5 min`. */
export function ago(timeMs: number, nowMs: number): string {
  if (timeMs === 0 || Number.isNaN(timeMs)) return "";
  const seconds = Math.round(Math.abs(nowMs - timeMs) / 1000);
  const [step, unit] = STEPS.find(([step]) => seconds >= step) ?? [1, "s"];
  const text = `${Math.floor(seconds / step)} ${unit}`;
  if (seconds === 0) return "now";
  return timeMs > nowMs ? `in ${text}` : `${text} ago`;
}

/** For JSON; `null` when it is not known. */
export function isoTime(timeMs: number): string | null {
  if (timeMs === 0 || Number.isNaN(new Date(timeMs).getTime())) return null;
  return new Date(timeMs).toISOString();
}

function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}
