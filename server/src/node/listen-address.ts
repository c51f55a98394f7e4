import { JoineryError } from "@joinery/shared";
import { isLoopbackHost } from "../http/local.ts";
import { show } from "../option-checks.ts";

/**
 * Checks where a server is to listen.
 *
 * @param mayBePublic Whether others may reach it: because they are asked who they are, or somebody said so.
 * @throws JoineryError INVALID_OPTION (never retry), saying what to do.
 */
export function checkListenAddress(host: string, port: number, mayBePublic: boolean): void {
  if (!mayBePublic && !isLoopbackHost(host)) {
    throw new JoineryError(
      "INVALID_OPTION",
      `will not listen on ${host}: without authentication anybody who reaches it could read and write every document. Set the option "access" or a hook "authenticate"; or use a loopback address such as 127.0.0.1; or, if that is what you want, set "allowPublicWithoutAuthentication"`,
    );
  }
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new JoineryError(
      "INVALID_OPTION",
      `option "port" is ${show(port)}, it must be a whole number from 0 to 65535`,
    );
  }
}

/** An address as people type it. */
export function urlOf(host: string, port: number): string {
  return `http://${host.includes(":") && !host.startsWith("[") ? `[${host}]` : host}:${port}`;
}

const EVERYWHERE: ReadonlyMap<string, string> = new Map([
  ["0.0.0.0", "127.0.0.1"],
  ["::", "::1"],
  ["[::]", "::1"],
]);

/** An address at which the server is reached from its own machine. */
export function urlAtHome(host: string, port: number): string {
  return urlOf(EVERYWHERE.get(host) ?? host, port);
}
