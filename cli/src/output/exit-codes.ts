/** How commands end. */
export const EXIT_CODES = {
  /** All is well. */
  ok: 0,
  /** Something went wrong, and is told on standard error. */
  error: 1,
  /** The command was called in a way that it does not have. */
  usage: 2,
  /** Damage was found; what is sound was shown all the same. */
  damage: 3,
  /** There is no such document. */
  noDocument: 4,
} as const;

/** What each code says, for the page and for `--help`. */
export const EXIT_CODE_MEANINGS: ReadonlyMap<number, string> = new Map([
  [EXIT_CODES.ok, "fine"],
  [EXIT_CODES.error, "an error, told in one line on standard error"],
  [EXIT_CODES.usage, "an unknown command, option or argument, or one that is missing"],
  [EXIT_CODES.damage, "damage was found; what is sound was shown all the same"],
  [EXIT_CODES.noDocument, "there is no such document"],
]);
