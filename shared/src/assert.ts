/** A fact that the code relies on. When it does not hold there is a bug, and whoever catches this must not go on. */
export function assert(fact: boolean, message: string): asserts fact {
  if (!fact) throw new Error(`assertion failed: ${message}`);
}
