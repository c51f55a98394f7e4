import type { AwarenessEntry, JoineryError, LimitName } from "@joinery/shared";

/** What became of the entries that one session sent. */
export interface PresenceOutcome {
  readonly changed: boolean;
  /**
   * Entries that the sender must hear, because it announced an id below a clock that others have already seen:
   * told that it is gone, y-protocols announces itself again with a newer clock.
   */
  readonly outdated: readonly AwarenessEntry[];
  /** Entries for ids of other sessions. */
  readonly foreign: number;
  /** Those of them that nobody can have heard from their owners, unless the sender may be one of these. */
  readonly spoofed: readonly number[];
  /** Limits at which something was dropped or refused. */
  readonly limits: readonly LimitName[];
  /** Why nothing of it was taken. */
  readonly refused: JoineryError | null;
}
