import type { CommitPace } from "../storage/group-commit.ts";
import { SYSTEM_CLOCK } from "./clock.ts";

/**
 * A commit of a batch or two takes 0.2 to 0.5 ms of CPU, whatever is in it, and a disk that is quick takes one as soon as
 * the last has ended: a thousand a second, where many documents are written to, were a quarter of all that the server did.
 * At 66 a second they are some 2 % of a core.
 *
 * It is the time by which "saved" comes later, at most, where people write all the time. Who waits for the disk does not
 * wait for this: code, HTTP, hooks, a document's seed, and a room in which all go on only when they are told
 * (`engine/rounds.ts`).
 */
export const COMMIT_PACE: CommitPace = { clock: SYSTEM_CLOCK, intervalMs: 15 };
