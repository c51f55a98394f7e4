import { JoineryError } from "@joinery/shared";
import { refuseUnknown } from "../option-checks.ts";

export interface MetricsOptions {
  /**
   * Who shows this as a bearer token may read the metrics, and nothing else: 16 to 1,024 characters without spaces.
   * Default: none; then it takes leave to manage the whole server.
   */
  readonly token?: string | undefined;
}

export interface ResolvedMetrics {
  readonly token: string | null;
}

/** @returns `null` where there is no `/metrics`. @throws JoineryError INVALID_OPTION (never retry). */
export function resolveMetrics(options: MetricsOptions | false = {}): ResolvedMetrics | null {
  if (options === false) return null;
  refuseUnknown(options, ["token"], "metrics.");
  const { token = null } = options;
  if (token === null || (typeof token === "string" && /^[!-~]{16,1024}$/.test(token))) return { token };
  // Without what it is: errors are written down.
  const allowed = "a text of 16 to 1,024 printable ASCII characters without spaces";
  throw new JoineryError("INVALID_OPTION", `option "metrics.token" must be ${allowed}`);
}
