/** What the command runs on. */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { VERSION } from "../version.ts";
import { type Finding, failure, ok, skipped, warning } from "./finding.ts";

/** As of the command's own package. */
const LEAST_NODE = [22, 18] as const;

export function checkNode(): Finding {
  const { version, versions, platform, arch } = process;
  const [major = 0, minor = 0] = versions.node.split(".").map(Number);
  const found = `Node.js ${version} on ${platform} ${arch}`;
  const isNew = major > LEAST_NODE[0] || (major === LEAST_NODE[0] && minor >= LEAST_NODE[1]);
  return isNew
    ? ok("node", found)
    : failure("node", found, `install Node.js ${LEAST_NODE.join(".")} or newer`);
}

/** Whether what was installed fits together, and whether there is one Yjs alone. */
export function checkPackages(folder: string): Finding {
  const server = createRequire(import.meta.resolve("@joinery/server"));
  const installed = [
    ["joinery", VERSION],
    ["@joinery/server", versionIn(server.resolve("@joinery/server"), "@joinery/server")],
    ["yjs", versionOf(server, "yjs")],
    ["level", versionOf(server, "level")],
  ] as const;
  const found = installed.map(([name, version]) => `${name} ${version}`).join(", ");
  if (installed[1][1] !== VERSION) {
    return warning("packages", found, "joinery and @joinery/server are of one version: install both anew");
  }
  const others = otherYjs(server, folder);
  if (others !== null) {
    return warning(
      "packages",
      `${found}; and another yjs ${others}, in the working folder`,
      "two copies of Yjs do not know each other's types: hooks and extensions in a config file here would make documents that the server cannot read. Install the same version, so that there is one",
    );
  }
  return ok("packages", found);
}

/** The version of a Yjs that a config file in this folder would get, where it is not the server's. */
function otherYjs(server: NodeJS.Require, folder: string): string | null {
  const here = createRequire(pathToFileURL(join(folder, "joinery.config.js")));
  const theirs = resolved(here, "yjs");
  return theirs === null || theirs === resolved(server, "yjs") ? null : versionIn(theirs, "yjs");
}

function resolved(require: NodeJS.Require, name: string): string | null {
  try {
    return require.resolve(name);
  } catch {
    // Then it is not there.
    return null;
  }
}

function versionOf(require: NodeJS.Require, name: string): string {
  const path = resolved(require, name);
  return path === null ? "missing" : versionIn(path, name);
}

/** Of the package that a file is in: its manifest is in one of the folders above. */
function versionIn(file: string, name: string): string {
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    const manifest = manifestIn(folder);
    if (manifest?.name === name) return manifest.version ?? "unknown";
    if (dirname(folder) === folder) return "unknown";
  }
}

function manifestIn(folder: string): { readonly name?: string; readonly version?: string } | null {
  try {
    return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  } catch {
    // There is none, or one of something else.
    return null;
  }
}

/** What the process needs besides connections: files of LevelDB, workers, the log. */
const OTHER_FILES = 1_200;

/** @param maxConnections Of the configuration. */
export function checkOpenFiles(maxConnections: number): Finding {
  const limit = openFilesLimit();
  if (limit === null) return skipped("open files", "this system does not say how many files may be open");
  const found = `${shown(limit)} files may be open at once`;
  if (limit >= maxConnections + OTHER_FILES) return ok("open files", found);
  const room = Math.max(0, limit - OTHER_FILES);
  return warning(
    "open files",
    `${found}: room for about ${shown(room)} connections, and limits.maxConnections is ${shown(maxConnections)}`,
    "raise the limit where the server is started (ulimit -n, LimitNOFILE of systemd), or lower limits.maxConnections",
  );
}

interface Report {
  readonly userLimits?: { readonly open_files?: { readonly soft?: number | string } };
}

/** `null` where nobody knows. */
function openFilesLimit(): number | null {
  // reason: Node's types do not have this one yet.
  const report = process.report as typeof process.report & { excludeNetwork: boolean };
  const { excludeNetwork } = report;
  // It would look up the names of all addresses.
  report.excludeNetwork = true;
  try {
    const { userLimits } = report.getReport() as unknown as Report;
    const soft = userLimits?.open_files?.soft;
    return soft === "unlimited" ? Number.POSITIVE_INFINITY : typeof soft === "number" ? soft : null;
  } finally {
    report.excludeNetwork = excludeNetwork;
  }
}

function shown(value: number): string {
  return value === Number.POSITIVE_INFINITY ? "any number of" : value.toLocaleString("en");
}

/** This was written then: a clock that says less is wrong. */
const LEAST_MS = Date.UTC(2025, 0, 1);
/** Clocks of two machines, and of a batch that was written a moment ago. */
const TOLERANCE_MS = 5 * 60_000;

const CLOCK_ADVICE =
  "set the clock, and keep it right (NTP): tokens are judged by it, and so are times in the log";

/** @param newestMs When the newest batch in the folder was written; 0 when that is not known. */
export function checkClock(nowMs: number, newestMs: number): Finding {
  const found = `it is ${new Date(nowMs).toISOString()}`;
  if (nowMs < LEAST_MS) return failure("clock", `${found}, which is in the past`, CLOCK_ADVICE);
  if (newestMs > nowMs + TOLERANCE_MS) {
    const newest = new Date(newestMs).toISOString();
    return warning("clock", `${found}, but a document was changed at ${newest}`, CLOCK_ADVICE);
  }
  return ok("clock", found);
}
