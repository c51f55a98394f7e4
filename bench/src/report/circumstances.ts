import { execFileSync } from "node:child_process";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { packageVersion } from "../peers/peer.ts";
import type { Plan } from "../suite.ts";
import type { Circumstances } from "./record.ts";

const CHECKOUT = new URL("../../../", import.meta.url);

/** Those of a scenario that was measured just now. */
export function circumstances({ rounds, timing }: Plan, pinning: string): Circumstances {
  return {
    finishedAt: new Date().toISOString(),
    machine: machine(),
    pinning,
    version: packageVersion(CHECKOUT.href),
    commit: commit(),
    rounds,
    warmUpSeconds: timing.warmUpSeconds,
    measuredSeconds: timing.measuredSeconds,
  };
}

function machine(): string {
  const all = cpus();
  return `${all.length} × ${all[0]?.model.trim() ?? "unknown CPU"}, ${process.platform}, Node ${process.versions.node}`;
}

/** The commit that is checked out, and whether the code differs from it; `null` where there is no git. */
function commit(): string | null {
  try {
    const git = (...args: string[]) =>
      execFileSync("git", args, {
        cwd: fileURLToPath(CHECKOUT),
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
      }).trim();
    const hash = git("rev-parse", "--short=10", "HEAD");
    const changes = git(
      "status",
      "--porcelain",
      "--untracked-files=no",
      "--",
      ".",
      ":(exclude)bench/results",
    );
    return changes === "" ? hash : `${hash} with changes`;
  } catch {
    // An unpacked archive is measured as well as a clone.
    return null;
  }
}
