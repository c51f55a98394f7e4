import type { SeededRandom } from "../../simulation/seeded-random.ts";
import { type Block, endOf, type Item, type Struct, type Update } from "../model/update.ts";

export function pickBlock(update: Update, random: SeededRandom): Block | null {
  return update.blocks.length === 0 ? null : random.pick(update.blocks);
}

export function pickItem(
  update: Update,
  random: SeededRandom,
): { item: Item; block: Block; clock: number } | null {
  const block = pickBlock(update, random);
  if (!block || block.structs.length === 0) return null;
  const index = random.upTo(block.structs.length - 1);
  const struct = block.structs[index] as Struct;
  if (struct.kind !== "item") return null;
  const before = { ...block, structs: block.structs.slice(0, index) };
  return { item: struct, block, clock: endOf(before) };
}

/** Puts a block where the order of clients wants it. */
export function insertBlock(update: Update, block: Block): void {
  const at = update.blocks.findIndex(({ client }) => client < block.client);
  update.blocks.splice(at < 0 ? update.blocks.length : at, 0, block);
}
