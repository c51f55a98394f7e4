import type { ErrorCode, JoineryError } from "@joinery/shared";
import { decodeUtf8 } from "lib0/string";
import type { Dialect, Signal } from "../../engine/ports.ts";
import { withVerifiedUsers } from "../verified-users.ts";
import { serverMessages } from "./messages.ts";
import { encodeNote } from "./notes.ts";

/** Who may not write may still read. */
const READ_ONLY: ReadonlySet<ErrorCode> = new Set(["PERMISSION_DENIED", "DOCUMENT_DAMAGED", "DOCUMENT_FULL"]);

/** Presence that is refused ends the session, as an edit does: its sender would go on as if others saw it. */
const ENDING: ReadonlySet<ErrorCode> = new Set(["PRESENCE_TOO_LARGE", "MALFORMED_UPDATE"]);

/** Signals of this name are what providers call stateless messages. */
export const STATELESS_SIGNAL = "stateless";

/** What the engine says to providers: frames without an address, and notes, which {@link Channel} hears. */
export const HOCUSPOCUS: Dialect = {
  name: "hocuspocus",
  // What is saved it is told by notes.
  skipsOwn: true,
  opened: ({ permission, durableSeq }) => encodeNote({ kind: "opened", permission, seq: durableSeq }),
  update: (update) => serverMessages.update(update),
  // The provider calls itself synced at the first step 2: that follows the last piece.
  catchUp: (update) => serverMessages.update(update),
  caughtUp: (_seq, durableSeq) => encodeNote({ kind: "caughtUp", seq: durableSeq }),
  ask: (stateVector) => serverMessages.step1(stateVector),
  ack: (number, seq) => encodeNote({ kind: "logged", number, seq }),
  presence: (update) => serverMessages.awareness(update),
  durable: (seq) => encodeNote({ kind: "durable", seq }),
  signal: statelessOf,
  seed: () => null,
  permission: (permission) => serverMessages.authenticated(permission),
  refused: (error) => (READ_ONLY.has(error.code) ? encodeNote({ kind: "refused" }) : null),
  notice: (error: JoineryError) => (ENDING.has(error.code) ? null : encodeNote({ kind: "nothing" })),
};

/** The same, where presence says whom the server takes its sender for. */
export const HOCUSPOCUS_WITH_USERS: Dialect = {
  ...HOCUSPOCUS,
  presence: (update, users) => serverMessages.awareness(withVerifiedUsers(update, users)),
};

/** A signal as a stateless message. Of others than those that are texts of that name providers know nothing. */
function statelessOf({ name, payload }: Signal): Uint8Array | null {
  if (name !== STATELESS_SIGNAL) return null;
  const value: unknown = JSON.parse(decodeUtf8(payload));
  return typeof value === "string" ? serverMessages.stateless(value) : null;
}
