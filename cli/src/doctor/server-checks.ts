/** Whether a server could listen, and what one that runs says of itself. */

import { once } from "node:events";
import { createServer } from "node:net";
import { type Finding, failure, ok, reasonOf, skipped, warning } from "./finding.ts";
import type { FolderHolder } from "./folder-checks.ts";
import type { Setup } from "./setup-checks.ts";

/** A server on this machine that takes longer has something. */
const ANSWER_MS = 3_000;

/** @param holder Who has the data folder open, as far as they said so. */
export async function checkPort({ host, port }: Setup, holder: FolderHolder | null): Promise<Finding> {
  const where = urlOf(host, port);
  if (port === 0) return ok("port", "the server takes a free one");
  const error = await tryListening(host, port);
  if (error === null) return ok("port", `${where} is free`);
  if (error.code !== "EADDRINUSE")
    return failure("port", `cannot listen on ${where}: ${reasonOf(error)}`, adviceFor(error));
  if (holder?.url && portOf(holder.url) === port)
    return ok("port", `${where} is used by the server of the data folder`);
  if ((await readinessAt(where)) !== null) {
    return warning(
      "port",
      `${where} is used by another Joinery server`,
      "stop that one, or choose another port (--port): they do not know of each other's edits",
    );
  }
  return failure(
    "port",
    `${where} is used by another program`,
    "stop that one, or choose another port (--port)",
  );
}

function adviceFor({ code }: NodeJS.ErrnoException): string {
  if (code === "EACCES") return "choose a port from 1024 on (--port), and put a proxy in front";
  if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND") return "name an address of this machine (--host)";
  return "choose another address (--host) or port (--port)";
}

async function tryListening(host: string, port: number): Promise<NodeJS.ErrnoException | null> {
  const server = createServer();
  try {
    server.listen({ host: host.replace(/^\[|\]$/g, ""), port, exclusive: true });
    await once(server, "listening");
    return null;
  } catch (error) {
    // reason: `once` rejects with what "error" was emitted with.
    return error as NodeJS.ErrnoException;
  } finally {
    server.close();
  }
}

/** Of the server that has the data folder open, or else of whoever listens where one would. */
export async function checkServer({ host, port }: Setup, holder: FolderHolder | null): Promise<Finding> {
  const url = holder?.url ?? (port === 0 ? null : urlOf(host, port));
  const readiness = url === null ? null : await readinessAt(url);
  if (readiness === null) {
    if (holder?.url == null) return skipped("server", "none is running here");
    return failure(
      "server",
      `the server of the data folder (pid ${holder.pid}) does not answer at ${holder.url}`,
      "look into its log; if it hangs, end it: what it said is saved is on disk",
    );
  }
  const found = `a server answers at ${url}`;
  if (readiness.isHealthy && readiness.failed.length === 0) return ok("server", `${found}, and is ready`);
  return failure(
    "server",
    `${found}, and is not ready${readiness.failed.length > 0 ? `: ${readiness.failed.join(", ")}` : ""}`,
    "its log says why; see what /readyz means in docs/metrics.md",
  );
}

interface Readiness {
  readonly isHealthy: boolean;
  /** What keeps it from being ready. */
  readonly failed: readonly string[];
}

/** `null` where nobody answers, or somebody else. */
async function readinessAt(url: string): Promise<Readiness | null> {
  try {
    const signal = AbortSignal.timeout(ANSWER_MS);
    const [health, ready] = await Promise.all(
      ["/healthz", "/readyz"].map((path) => fetch(url + path, { signal, redirect: "manual" })),
    );
    const answer: unknown = await ready?.json();
    await health?.body?.cancel();
    if (typeof answer !== "object" || answer === null || !("failed" in answer)) return null;
    const failed = Array.isArray(answer.failed) ? answer.failed.map(String) : [];
    return { isHealthy: health?.status === 200, failed };
  } catch {
    // Nobody listens, or it is no server of ours: both are told as that.
    return null;
  }
}

/** Where a server that listens there can be asked: nobody can ask "all addresses". */
function urlOf(host: string, port: number): string {
  const name = { "0.0.0.0": "127.0.0.1", "::": "[::1]", "[::]": "[::1]" }[host] ?? host;
  return `http://${name.includes(":") && !name.startsWith("[") ? `[${name}]` : name}:${port}`;
}

function portOf(url: string): number | null {
  const parsed = URL.parse(url);
  return parsed === null ? null : Number(parsed.port);
}
