/** What an attacker changes in an update on the level of its parts. */

import type { Update } from "../model/update.ts";
import type { Attack } from "./attack.ts";
import * as block from "./block-mutations.ts";
import { DELETION_MUTATIONS } from "./delete-set-mutations.ts";
import * as place from "./place-mutations.ts";

/** Changes one thing, in place. */
type Mutation = (update: Update, attack: Attack) => void;

const MUTATIONS: readonly Mutation[] = [
  place.changeNeighbour,
  place.changeNeighbour,
  place.changeNeighbour,
  place.changeNeighbour,
  place.changeParent,
  place.changeParent,
  place.changeParentSub,
  place.changeContent,
  place.changeContent,
  place.formatInMap,
  block.shiftClock,
  block.shiftClock,
  block.overlapKnown,
  block.overlapKnown,
  block.overlapKnown,
  block.replaceByLength,
  block.duplicateBlock,
  block.reorderBlocks,
  block.splitBlock,
  block.mergeBlocks,
  block.changeClient,
  block.spoofInnocent,
  block.cycleOfClients,
  block.lieAboutCounts,
  block.addManyRoots,
  block.addManyClients,
  place.addDepth,
  place.manyAtOneOrigin,
  place.splitSurrogate,
  block.padInteger,
  block.trail,
  block.dropStruct,
  block.repeatStruct,
  ...DELETION_MUTATIONS,
];

export function mutate(update: Update, attack: Attack): void {
  attack.random.pick(MUTATIONS)(update, attack);
}
