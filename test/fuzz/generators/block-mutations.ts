/** Which clock ticks of which clients an update brings, in what order, and how many it says there are. */

import { endOf, itemAfter, itemIn, lengthOf, root, type Struct, text, type Update } from "../model/update.ts";
import type { Attack } from "./attack.ts";
import { soundContent } from "./content.ts";
import { HUGE } from "./huge.ts";
import { copyOfStruct } from "./sound-update.ts";
import { insertBlock, pickBlock } from "./update-parts.ts";

export function shiftClock(update: Update, attack: Attack): void {
  const { random } = attack;
  const block = pickBlock(update, random);
  if (!block) return;
  const by = random.pick([-3, -2, -1, 1, 2, 3, 100]);
  block.clock = random.chance(0.15) ? random.pick([0, ...HUGE]) : Math.max(0, block.clock + by);
}

/** Says something else about clock ticks that somebody has used, and perhaps goes on beyond them. */
export function overlapKnown(update: Update, attack: Attack): void {
  const { random } = attack;
  const struct = attack.struct();
  if (!struct) return;
  const { client } = struct.id;
  const clock = struct.id.clock + random.upTo(struct.length - 1);
  const left = attack.state(client) - clock;
  const length = random.pick([1, struct.length, left, left + 1, left + 5, left + 1000]);
  const structs: Struct[] = [];
  switch (random.upTo(5)) {
    case 0:
      structs.push({ kind: "gc", length });
      break;
    case 1:
      structs.push({ kind: "skip", length });
      break;
    case 2:
      structs.push(itemIn(root(attack.rootName()), { kind: "deleted", length }));
      break;
    case 3:
      structs.push(itemAfter(attack.id(), text("o".repeat(Math.min(length, 300)))));
      break;
    case 4:
      structs.push(itemIn(root(attack.rootName()), text("🎈".repeat(Math.min(length, 150)))));
      break;
    default:
      structs.push(itemAfter(attack.id(), { kind: "any", values: new Array(Math.min(length, 300)).fill(1) }));
  }
  if (random.chance(0.5))
    structs.push(itemAfter({ client, clock: clock + length - 1 }, soundContent(random)));
  const known = update.blocks.find((block) => block.client === client);
  if (known && random.chance(0.7)) {
    known.clock = clock;
    known.structs = structs;
  } else insertBlock(update, { client, clock, structs });
}

export function replaceByLength(update: Update, attack: Attack): void {
  const { random } = attack;
  const block = pickBlock(update, random);
  if (!block || block.structs.length === 0) return;
  const index = random.upTo(block.structs.length - 1);
  const length = random.pick([0, 1, lengthOf(block.structs[index] as Struct), 5, 1000, ...HUGE]);
  block.structs[index] = { kind: random.chance(0.5) ? "gc" : "skip", length };
}

export function duplicateBlock(update: Update, { random }: Attack): void {
  const block = pickBlock(update, random);
  if (!block) return;
  const copy = { ...block, structs: block.structs.map(copyOfStruct) };
  if (random.chance(0.5)) copy.clock = endOf(block);
  update.blocks.splice(random.upTo(update.blocks.length), 0, copy);
}

export function reorderBlocks(update: Update, attack: Attack): void {
  const { random } = attack;
  if (update.blocks.length < 2) {
    const client = random.pick(attack.mine);
    update.blocks.push({ client, clock: attack.state(client), structs: [itemIn(root("text"), text("r"))] });
  }
  update.blocks.reverse();
}

export function splitBlock(update: Update, { random }: Attack): void {
  const block = pickBlock(update, random);
  if (!block || block.structs.length < 2) return;
  const at = 1 + random.upTo(block.structs.length - 2);
  const clock = endOf({ ...block, structs: block.structs.slice(0, at) });
  const second = { client: block.client, clock, structs: block.structs.splice(at) };
  const index = update.blocks.indexOf(block);
  update.blocks.splice(random.chance(0.5) ? index + 1 : index, 0, second);
}

export function mergeBlocks(update: Update): void {
  const [first, second] = update.blocks;
  if (!first || !second) return;
  first.structs.push(...second.structs);
  update.blocks.splice(1, 1);
}

export function changeClient(update: Update, attack: Attack): void {
  const block = pickBlock(update, attack.random);
  if (!block) return;
  block.client = attack.anyClient();
  if (attack.random.chance(0.7)) block.clock = attack.state(block.client);
}

/** Speaks with the id of somebody who is connected, from where that person stands. */
export function spoofInnocent(update: Update, attack: Attack): void {
  const { random } = attack;
  const client = random.pick(attack.innocents);
  const clock = Math.max(0, attack.state(client) - random.pick([0, 0, 0, 1, 2]));
  const length = random.pick([1, 2, 100, 2 ** 40]);
  const struct: Struct = random.pick([
    { kind: "gc", length },
    { kind: "skip", length },
    itemIn(root("text"), { kind: "deleted", length }),
    itemIn(root("text"), text("spoofed")),
    itemAfter(attack.id(), text("spoofed")),
  ]);
  insertBlock(update, { client, clock, structs: [struct] });
}

/** Two clients whose structs wait for each other. */
export function cycleOfClients(update: Update, attack: Attack): void {
  const [one, two] = [attack.mine[0] as number, attack.mine[1] as number];
  const [oneClock, twoClock] = [attack.state(one), attack.state(two)];
  const isNear = attack.random.chance(0.7);
  update.blocks = [
    {
      client: one,
      clock: oneClock,
      structs: [
        itemAfter({ client: two, clock: twoClock + (isNear ? 1 : 0) }, text("c")),
        itemIn(root("text"), text("c")),
      ],
    },
    {
      client: two,
      clock: twoClock,
      structs: [
        itemAfter({ client: one, clock: oneClock + (isNear ? 1 : 0) }, text("c")),
        itemIn(root("text"), text("c")),
      ],
    },
  ];
  if (one < two) update.blocks.reverse();
}

export function lieAboutCounts(update: Update, { random }: Attack): void {
  const lie = (truth: number) => random.pick([0, truth + 1, Math.max(0, truth - 1), 1000, 2 ** 25, 2 ** 53]);
  const block = pickBlock(update, random);
  switch (random.upTo(3)) {
    case 0:
      update.blockCount = lie(update.blocks.length);
      break;
    case 1:
      update.deletionCount = lie(update.deletions.length);
      break;
    case 2:
      if (block) block.count = lie(block.structs.length);
      break;
    default:
      for (const deletion of update.deletions) deletion.count = lie(deletion.ranges.length);
  }
}

export function addManyRoots(update: Update, attack: Attack): void {
  const { random } = attack;
  const block = pickBlock(update, random);
  const many = random.pick([3, 20, 20, 60]);
  for (let i = 0; i < many; i++) block?.structs.push(itemIn(root(`root ${random.upTo(400)}`), text("m")));
}

export function addManyClients(update: Update, attack: Attack): void {
  const { random } = attack;
  const first = random.upTo(2 ** 31);
  const many = random.pick([2, 2, 3, 3, 4, 40]);
  const structs = [itemIn(root("text"), text("n"))];
  for (let client = first; client < first + many; client++) {
    if (attack.state(client) === 0) insertBlock(update, { client, clock: 0, structs });
  }
}

export function padInteger(update: Update, { random }: Attack): void {
  update.paddedInteger = random.upTo(12);
}

export function trail(update: Update, { random }: Attack): void {
  update.trailing = Uint8Array.of(random.upTo(255));
}

export function dropStruct(update: Update, { random }: Attack): void {
  const block = pickBlock(update, random);
  if (block && block.structs.length > 0) block.structs.splice(random.upTo(block.structs.length - 1), 1);
}

export function repeatStruct(update: Update, { random }: Attack): void {
  const block = pickBlock(update, random);
  if (!block || block.structs.length === 0) return;
  block.structs.push(copyOfStruct(random.pick(block.structs)));
}
