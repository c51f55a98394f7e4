import { JoineryError } from "@joinery/shared";
import type { Revision } from "../engine/ports.ts";

/** REVISION_CHANGED (never), and where the document is instead. */
export class RevisionChanged extends JoineryError {
  /** `null` where there is no document, or where something was accepted that is not in its log yet. */
  readonly current: Revision | null;

  constructor(message: string, current: Revision | null) {
    super("REVISION_CHANGED", message);
    this.current = current;
  }
}
