import { CONNECT_TOGETHER } from "../config.ts";

/**
 * Does something that takes time for each, so many at the same time: all at once would be more than a server takes.
 *
 * @param size Default: as many as connect at the same time.
 */
export async function inGroups<T>(
  all: readonly T[],
  each: (item: T, index: number) => Promise<unknown>,
  size = CONNECT_TOGETHER,
): Promise<void> {
  for (let start = 0; start < all.length; start += size) {
    await Promise.all(all.slice(start, start + size).map((item, i) => each(item, start + i)));
  }
}
