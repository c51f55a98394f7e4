/** Where an item stands and what it is: neighbours, parents, keys, contents that no editor would write. */

import { type Id, itemAfter, itemIn, root, type Struct, text, type Update } from "../model/update.ts";
import { type Attack, isCollected, isDeleted, isEntry, isInList, isString, isType } from "./attack.ts";
import { hostileContent, soundContent } from "./content.ts";
import { HUGE } from "./huge.ts";
import { insertBlock, pickBlock, pickItem } from "./update-parts.ts";

/** An id where no editor would look for a neighbour. */
function strangeId(attack: Attack, own: Id): Id {
  const { random } = attack;
  switch (random.upTo(11)) {
    case 0:
      return { ...own };
    case 1:
      return { client: own.client, clock: own.clock + 1 + random.upTo(3) };
    case 2:
      return { client: own.client, clock: Math.max(0, own.clock - 1 - random.upTo(3)) };
    case 3: {
      const client = attack.knownClient();
      return { client, clock: attack.state(client) + random.upTo(2) };
    }
    case 4:
      return { client: random.upTo(2 ** 31), clock: random.upTo(3) };
    case 5:
      return attack.id(isCollected);
    case 6:
      return attack.id(isDeleted);
    case 7:
      return attack.id(isEntry);
    case 8:
      return attack.id(isInList);
    case 9:
      return { client: attack.anyClient(), clock: random.pick(HUGE) };
    default:
      return attack.id();
  }
}

export function changeNeighbour(update: Update, attack: Attack): void {
  const found = pickItem(update, attack.random);
  if (!found) return;
  const { item, block, clock } = found;
  const id = attack.random.chance(0.1) ? null : strangeId(attack, { client: block.client, clock });
  if (attack.random.chance(0.5)) item.origin = id;
  else item.rightOrigin = id;
}

export function changeParent(update: Update, attack: Attack): void {
  const { random } = attack;
  const found = pickItem(update, random);
  if (!found) return;
  const { item, block, clock } = found;
  if (random.chance(0.8)) {
    item.origin = null;
    item.rightOrigin = null;
  }
  const wanted = random.pick([isString, isCollected, isType, isType, isDeleted]);
  const id = random.chance(0.6) ? attack.id(wanted) : strangeId(attack, { client: block.client, clock });
  item.parent = random.chance(0.8) ? { kind: "item", id } : root(attack.rootName());
  if (random.chance(0.3)) item.parentSub = "key";
}

export function changeParentSub(update: Update, attack: Attack): void {
  const found = pickItem(update, attack.random);
  if (!found) return;
  found.item.parentSub = attack.random.pick([null, "key", "", "__proto__", "constructor", "k".repeat(300)]);
}

export function changeContent(update: Update, attack: Attack): void {
  const { random } = attack;
  const found = pickItem(update, random);
  if (found) found.item.content = random.chance(0.7) ? hostileContent(random) : soundContent(random);
}

export function formatInMap(update: Update, attack: Attack): void {
  const { random } = attack;
  const block = pickBlock(update, random);
  const content = { kind: "format", key: "bold", json: random.pick(["true", "null"]) } as const;
  const entry = attack.item(isEntry);
  const item = entry
    ? itemAfter({ ...entry.lastId }, content)
    : itemIn(root(attack.rootName()), content, "key");
  block?.structs.push(item);
}

/** A chain of types, each in the one before, and perhaps its end deleted. */
export function addDepth(update: Update, attack: Attack): void {
  const { random } = attack;
  const client = random.pick(attack.mine);
  const clock = attack.state(client);
  const depth = random.pick([2, 10, 10, 100, 255, 256, 257]);
  const top = attack.item(isType);
  const structs: Struct[] = [];
  for (let i = 0; i < depth; i++) {
    const id = i === 0 ? top && { ...top.id } : { client, clock: clock + i - 1 };
    const parent = id ? ({ kind: "item", id } as const) : root("array");
    structs.push(itemIn(parent, { kind: "type", ref: random.upTo(2), name: "" }, i % 2 === 0 ? null : "key"));
  }
  update.blocks = update.blocks.filter((block) => block.client !== client);
  insertBlock(update, { client, clock, structs });
  if (random.chance(0.5)) update.deletions = [{ client, ranges: [{ clock, length: 1 }] }];
}

/** One place, many right neighbours: what makes Yjs look at each. */
export function manyAtOneOrigin(update: Update, attack: Attack): void {
  const { random } = attack;
  const block = pickBlock(update, random);
  const origin = random.chance(0.7) ? attack.id(isInList) : null;
  const many = random.pick([3, 10, 30]);
  for (let i = 0; i < many; i++) {
    const right = random.chance(0.7) ? attack.id(isInList) : null;
    const item = itemIn(root("text"), text("q"));
    block?.structs.push({ ...item, origin: origin && { ...origin }, rightOrigin: right });
  }
}

/** Stands within a pair of surrogates. */
export function splitSurrogate(update: Update, attack: Attack): void {
  const { random } = attack;
  const client = random.pick(attack.mine);
  const clock = attack.state(client);
  update.blocks = update.blocks.filter((block) => block.client !== client);
  const structs: Struct[] = [
    itemIn(root("text"), text("🎈🎈")),
    itemAfter({ client, clock: clock + random.upTo(3) }, soundContent(random)),
  ];
  insertBlock(update, { client, clock, structs });
  if (random.chance(0.5)) {
    update.deletions = [{ client, ranges: [{ clock: clock + random.upTo(3), length: 1 + random.upTo(2) }] }];
  }
}
