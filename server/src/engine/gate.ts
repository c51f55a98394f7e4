/** What one update has to pass to come into a document, all of it together. */
export interface Gate {
  /** Whether it may still be added. A gate may throw instead, and say why not. */
  readonly isOpen: boolean;
  /** It is being added. */
  pass(): void;
}
