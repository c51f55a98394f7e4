import { JoineryError } from "@joinery/shared";
import { PROTOCOL_VERSION, SUBPROTOCOL, serverFrames } from "@joinery/shared/protocol";
import type { DriverFactory } from "../driver.ts";
import { wireError } from "./dialect.ts";

/** Turns away connections of another version: they understand FAILED. */
export const refuseVersion: DriverFactory = ({ outbox, subprotocol }) => {
  const error = unsupportedVersion(`"${subprotocol}"`);
  outbox.send([serverFrames.failed(wireError(error))]);
  throw error;
};

/** @param theirs What the client speaks. */
export function unsupportedVersion(theirs: string): JoineryError {
  const message = `the client speaks ${theirs}, the server "${SUBPROTOCOL}" in version ${PROTOCOL_VERSION}`;
  return new JoineryError("VERSION_UNSUPPORTED", message);
}
