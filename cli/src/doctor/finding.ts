/** What the doctor looks at, and what it says of it. */

/** In the order in which they are told. Names are stable: programs read them. */
export const CHECKS = [
  "node",
  "packages",
  "configuration",
  "access",
  "keys",
  "encryption",
  "port",
  "server",
  "folder",
  "disk",
  "database",
  "documents",
  "open files",
  "clock",
] as const;

type Check = (typeof CHECKS)[number];

export interface Finding {
  readonly check: Check;
  /** `skipped`: it could not be looked at, or there is nothing to look at. */
  readonly status: "ok" | "warning" | "failure" | "skipped";
  /** What was found, without a full stop. Never with a secret in it. */
  readonly found: string;
  /** What to do about it; `null` for nothing. */
  readonly advice: string | null;
}

export function ok(check: Check, found: string): Finding {
  return { check, status: "ok", found, advice: null };
}

export function skipped(check: Check, found: string): Finding {
  return { check, status: "skipped", found, advice: null };
}

export function warning(check: Check, found: string, advice: string): Finding {
  return { check, status: "warning", found, advice };
}

export function failure(check: Check, found: string, advice: string): Finding {
  return { check, status: "failure", found, advice };
}

/** The message of whatever was thrown, in one line. */
export function reasonOf(thrown: unknown): string {
  // `fetch failed` says nothing; what it was is its cause.
  const told = thrown instanceof TypeError && thrown.cause instanceof Error ? thrown.cause : thrown;
  return (told instanceof Error ? told.message : String(told)).replaceAll(/\s*\n\s*/g, " ");
}
