import type * as Y from "yjs";
import { decodedUpdate } from "../base-documents.ts";
import {
  type Block,
  contentLength,
  type Id,
  type Item,
  itemAfter,
  itemBefore,
  itemIn,
  root,
  type Struct,
  type Update,
} from "../model/update.ts";
import { type Attack, isEntry, isInList, isType } from "./attack.ts";
import { soundContent, soundEntry } from "./content.ts";

/** An update as an editor would have made it: of its own client, between what stands side by side, in one type. */
export function soundUpdate(attack: Attack): Update {
  const { random } = attack;
  const clients = new Set([random.chance(0.7) ? random.pick(attack.mine) : attack.anyClient()]);
  if (random.chance(0.2)) clients.add(random.pick(attack.mine));
  if (random.chance(0.05)) clients.add(attack.anyClient());
  const blocks = [...clients]
    .filter((client) => client < 2 ** 32)
    .sort((a, b) => b - a)
    .map((client) => soundBlock(attack, client));
  return { blocks, deletions: random.chance(0.3) ? soundDeletions(attack) : [] };
}

function soundBlock(attack: Attack, client: number): Block {
  const { random } = attack;
  const clock = attack.state(client);
  const structs: Struct[] = [];
  let next = clock;
  for (let left = 1 + random.upTo(random.chance(0.1) ? 12 : 3); left > 0; left--) {
    const own = next > clock && random.chance(0.5) ? { client, clock: next - 1 } : null;
    const item = soundItem(attack, own);
    structs.push(item);
    next += contentLength(item.content);
  }
  return { client, clock, structs };
}

/** @param own The last thing that the same update brought, to stand behind it; `null` for a place of its own. */
function soundItem(attack: Attack, own: Id | null): Item {
  const { random } = attack;
  if (own) return itemAfter(own, soundContent(random));
  switch (random.upTo(9)) {
    case 0:
    case 1: {
      const entry = attack.item(isEntry);
      if (entry) return itemAfter(entry.lastId, soundEntry(random));
      return itemIn(root(attack.rootName()), soundEntry(random), random.pick(KEYS));
    }
    case 2: {
      const type = attack.item(isType);
      if (!type) break;
      const parent = { kind: "item", id: { ...type.id } } as const;
      return random.chance(0.5)
        ? itemIn(parent, soundContent(random))
        : itemIn(parent, soundEntry(random), random.pick(KEYS));
    }
    case 3: {
      const first = attack.item(isInList);
      if (first && first.left === null) return itemBefore({ ...first.id }, soundContent(random));
      break;
    }
    case 4:
      break;
    default: {
      const left = attack.item(isInList);
      if (left) return between(attack, left);
    }
  }
  return itemIn(root(attack.rootName()), soundContent(random));
}

/** Behind an item, or within it. */
function between(attack: Attack, left: Y.Item): Item {
  const { random } = attack;
  const { client, clock } = left.id;
  const isWithin = left.length > 1 && random.chance(0.5);
  const at = isWithin ? random.upTo(left.length - 2) : left.length - 1;
  const right = isWithin ? { client, clock: clock + at + 1 } : (left.right?.id ?? null);
  return itemAfter({ client, clock: clock + at }, soundContent(random), right && { ...right });
}

function soundDeletions(attack: Attack): Update["deletions"] {
  const { random } = attack;
  const struct = attack.struct();
  if (!struct) return [];
  const from = random.upTo(struct.length - 1);
  const length = 1 + random.upTo(struct.length - from - 1);
  return [{ client: struct.id.client, ranges: [{ clock: struct.id.clock + from, length }] }];
}

const KEYS = ["key", "counter", "title", "", "__proto__", "bold"];

/** A copy of an update that one of the document's editors made later, to be mutated. */
export function laterUpdate({ base, random }: Attack): Update {
  return copyOf(decodedUpdate(random.pick(base.later)));
}

/** Contents are shared: they are replaced, never changed. */
export function copyOf(update: Update): Update {
  return {
    ...update,
    blocks: update.blocks.map((block) => ({ ...block, structs: block.structs.map(copyOfStruct) })),
    deletions: update.deletions.map((deletion) => ({
      ...deletion,
      ranges: deletion.ranges.map((range) => ({ ...range })),
    })),
  };
}

export function copyOfStruct(struct: Struct): Struct {
  if (struct.kind !== "item") return { ...struct };
  const { origin, rightOrigin } = struct;
  return { ...struct, origin: origin && { ...origin }, rightOrigin: rightOrigin && { ...rightOrigin } };
}
