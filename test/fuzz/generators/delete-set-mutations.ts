import type { DeleteRange, Update } from "../model/update.ts";
import type { Attack } from "./attack.ts";

type Mutation = (update: Update, attack: Attack) => void;

const LENGTHS = [0, 1, 2, 5, 1000, 2 ** 31, 2 ** 47, 2 ** 48, 2 ** 53 - 1, 2 ** 54, 2 ** 60];

export const DELETION_MUTATIONS: readonly Mutation[] = [
  addRange,
  addRange,
  addRange,
  disorderRanges,
  repeatDeletion,
  deleteEverySecond,
  deleteOwn,
];

function rangeOf(attack: Attack, client: number): DeleteRange {
  const { random } = attack;
  const state = attack.state(client);
  const clock = random.pick([
    0,
    random.upTo(state),
    Math.max(0, state - 1),
    state,
    state + 1,
    ...LENGTHS.slice(4),
  ]);
  const length = random.chance(0.7) ? 1 + random.upTo(Math.max(0, state - clock)) : random.pick(LENGTHS);
  return { clock, length };
}

function addRange(update: Update, attack: Attack): void {
  const client = attack.random.chance(0.8) ? attack.knownClient() : attack.anyClient();
  const deletion = update.deletions.find((one) => one.client === client);
  if (deletion) deletion.ranges.push(rangeOf(attack, client));
  else update.deletions.push({ client, ranges: [rangeOf(attack, client)] });
}

/** The same ticks several times, and not in their order. */
function disorderRanges(update: Update, attack: Attack): void {
  const { random } = attack;
  const client = attack.knownClient();
  const state = Math.max(1, attack.state(client));
  const ranges = Array.from({ length: 2 + random.upTo(4) }, () => {
    const clock = random.upTo(state - 1);
    return { clock, length: 1 + random.upTo(state - 1 - clock) };
  });
  update.deletions.push({ client, ranges: [...ranges, ...ranges.map((range) => ({ ...range }))].reverse() });
}

function repeatDeletion(update: Update, attack: Attack): void {
  if (update.deletions.length === 0) addRange(update, attack);
  const [first] = update.deletions;
  if (first)
    update.deletions.push({ client: first.client, ranges: first.ranges.map((range) => ({ ...range })) });
}

function deleteEverySecond(update: Update, attack: Attack): void {
  const client = attack.knownClient();
  const ranges: DeleteRange[] = [];
  const state = Math.min(100, attack.state(client));
  for (let clock = state - 1; clock >= 0; clock -= 2) ranges.push({ clock, length: 1 });
  update.deletions = [{ client, ranges }];
}

/** Deletes what the update itself brings. */
function deleteOwn(update: Update, { random }: Attack): void {
  const block = update.blocks[0];
  if (!block) return;
  update.deletions.push({
    client: block.client,
    ranges: [{ clock: block.clock + random.upTo(2), length: 1 + random.upTo(3) }],
  });
}
