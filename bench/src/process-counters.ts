/**
 * What the kernel counts for a process, read from outside so that it is the same for every server. Linux only:
 * elsewhere there is no counter that another process can read without a native module.
 */
import { readFileSync, writeFileSync } from "node:fs";

/** USER_HZ, the unit of /proc/<pid>/stat: part of the kernel's interface and 100 on every platform Node runs on. */
const TICKS_PER_SECOND = 100;

/** @throws Error when this system has no /proc. */
export function assertCountersReadable(): void {
  if (process.platform === "linux") return;
  throw new Error(`the benchmark reads /proc and needs Linux; this is ${process.platform}`);
}

/** CPU seconds, user and system, of all threads since the process started; to a hundredth of a second. */
export function readCpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // Fields are counted from behind the command's name, which may itself hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [user, system] = [fields[11], fields[12]];
  return (Number(user) + Number(system)) / TICKS_PER_SECOND;
}

/**
 * Bytes that the process has given the kernel with write calls, to files, sockets and pipes alike, and bytes of the file
 * pages that it has dirtied: an append of a few bytes that is fsynced is a whole page, again each time.
 */
export function readWrittenBytes(pid: number): { readonly given: number; readonly dirtied: number } {
  const io = readFileSync(`/proc/${pid}/io`, "utf8");
  const field = (name: string) => {
    const bytes = new RegExp(`^${name}: (\\d+)$`, "m").exec(io)?.[1];
    if (bytes === undefined) throw new Error(`/proc/${pid}/io has no ${name}`);
    return Number(bytes);
  };
  return { given: field("wchar"), dirtied: field("write_bytes") };
}

/**
 * The memory that the process has resident at this moment, without pages of files: LevelDB maps its tables, and the
 * kernel takes such pages back whenever it wants them.
 */
export function readAnonymousBytes(pid: number): number {
  return readStatusBytes(pid, "RssAnon");
}

/** The memory that the process has resident at this moment. */
export function readResidentBytes(pid: number): number {
  return readStatusBytes(pid, "VmRSS");
}

/** The most memory that the process has had resident at once, since its start or since {@link forgetPeak}. */
export function readPeakBytes(pid: number): number {
  return readStatusBytes(pid, "VmHWM");
}

/** From now on the peak is what comes after this moment. */
export function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
}

function readStatusBytes(pid: number, field: string): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const kibibytes = new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status)?.[1];
  if (kibibytes === undefined) throw new Error(`/proc/${pid}/status has no ${field}`);
  return Number(kibibytes) * 1024;
}

/**
 * Bytes on their way in both directions over the TCP connection that has this port on one of its ends, which are
 * both on this machine: sent, and not read yet.
 */
export function readQueuedBytes(port: number): number {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  let bytes = 0;
  for (const line of readFileSync("/proc/net/tcp", "utf8").split("\n").slice(1)) {
    const [, local, remote, , queues] = line.trim().split(/\s+/);
    if (!local?.endsWith(`:${hex}`) && !remote?.endsWith(`:${hex}`)) continue;
    for (const queue of queues?.split(":") ?? []) bytes += Number.parseInt(queue, 16);
  }
  return bytes;
}
