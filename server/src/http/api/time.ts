/** A moment, from milliseconds since 1970 to ISO 8601 in UTC. */
export function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}
