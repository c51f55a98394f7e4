import { type JoineryError, publicMessageOf } from "@joinery/shared";
import { serverFrames, type WireError } from "@joinery/shared/protocol";
import type { Dialect } from "../../engine/ports.ts";

/** What the engine says to sessions of the dialect `joinery.v1`, as frames. docs/protocol.md specifies them. */
export const JOINERY: Dialect = {
  name: "joinery.v1",
  opened: (opened) => serverFrames.opened(opened),
  update: (update, seq, durableSeq) => serverFrames.batch(seq, durableSeq, update),
  catchUp: (update, _isLast, isDeflated) => serverFrames.catchUp(update, isDeflated),
  caughtUp: (seq, durableSeq) => serverFrames.caughtUp(seq, durableSeq),
  ask: (stateVector) => serverFrames.ask(stateVector),
  ack: (number, seq) => serverFrames.ack(number, seq),
  presence: (update, users) => serverFrames.presence(users, update),
  durable: (seq) => serverFrames.durable(seq),
  signal: ({ user, session, name, payload }) => serverFrames.signal(user, session, name, payload),
  seed: () => serverFrames.seed(),
  permission: (permission, reason) => serverFrames.permission(permission, reason),
  // The client would go on typing into nothing: the session ends with the number of what was refused.
  refused: () => null,
  notice: (error) => serverFrames.notice(wireError(error)),
};

/** What a client is told of an error. */
export function wireError(error: JoineryError): WireError {
  return { code: error.code, retry: error.row.retry, message: publicMessageOf(error) };
}
