import type { Wire } from "../dialects/dialect.ts";
import type { Actor } from "./actor.ts";

/** Somebody at an editor, and their end of the protocol. */
export interface Member {
  readonly actor: Actor;
  readonly wire: Wire;
}
