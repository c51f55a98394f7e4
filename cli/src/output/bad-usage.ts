/** A command was called in a way that it does not have, which no option alone could tell: the exit code is 2. */
export class BadUsage extends Error {
  override readonly name = "BadUsage";
}
