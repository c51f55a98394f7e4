import { expect, test } from "vitest";
import { branchAt } from "../../../server/src/engine/branches.ts";
import {
  type Beginning,
  beginningOf,
  lineageChanged,
  NO_OPENING,
  type Opening,
  type Position,
} from "../../../server/src/engine/opening.ts";
import type { Branch, BranchId } from "../../../server/src/engine/ports.ts";

const OURS = "a".repeat(32);
const THEIRS = "b".repeat(32);

const NONE = "0".repeat(16);
const [ONE, TWO, LOST] = ["1".repeat(16), "2".repeat(16), "9".repeat(16)] as [string, string, string];
const begins = (seq: number, id: string): Branch => ({ seq, id: id as BranchId });

const DOCUMENTS = {
  "was never written to": { seq: 0, first: 0, branches: [begins(1, ONE)] },
  "has its log up to 5 in memory": { seq: 5, first: 0, branches: [begins(1, ONE)] },
  "has its log up to 5, folded up to 3": { seq: 5, first: 3, branches: [begins(1, ONE)] },
  "goes on from 4 in another branch": { seq: 5, first: 0, branches: [begins(1, ONE), begins(4, TWO)] },
  "goes on from 4 in another branch, folded up to 5": {
    seq: 5,
    first: 5,
    branches: [begins(1, ONE), begins(4, TWO)],
  },
  "does not know its branches up to 3": { seq: 5, first: 0, branches: [begins(4, TWO)] },
} as const;

const COPIES = {
  nothing: {},
  "this lineage": { lineage: OURS },
  "another lineage": { lineage: THEIRS },
  "this lineage, of when 3 was durable": { lineage: OURS, confirmed: [{ seq: 3, branch: ONE }] },
  "this lineage, of when 5 was durable": { lineage: OURS, confirmed: [{ seq: 5, branch: ONE }] },
  "this lineage, of when 6 was durable": { lineage: OURS, confirmed: [{ seq: 6, branch: ONE }] },
  "revision 3, and met another branch": {
    revision: { lineage: OURS, seq: 3, branch: ONE },
    confirmed: [{ seq: 4, branch: LOST }],
  },
  "revision 2": { revision: { lineage: OURS, seq: 2, branch: ONE } },
  "revision 3": { revision: { lineage: OURS, seq: 3, branch: ONE } },
  "revision 5": { revision: { lineage: OURS, seq: 5, branch: ONE } },
  "revision 5 of the other branch": { revision: { lineage: OURS, seq: 5, branch: TWO } },
  "revision 5 of a branch that is nowhere": { revision: { lineage: OURS, seq: 5, branch: LOST } },
  "revision 2 of no branch": { revision: { lineage: OURS, seq: 2, branch: NONE } },
  "revision 6": { revision: { lineage: OURS, seq: 6, branch: ONE } },
  "revision 2 of another lineage": { revision: { lineage: THEIRS, seq: 2, branch: ONE } },
} as const;

const NEVER = {
  nothing: "exchange",
  "this lineage": "refuse",
  "another lineage": "refuse",
  "this lineage, of when 3 was durable": "refuse",
  "this lineage, of when 5 was durable": "refuse",
  "this lineage, of when 6 was durable": "refuse",
  "revision 3, and met another branch": "refuse",
  "revision 2": "refuse",
  "revision 3": "refuse",
  "revision 5": "refuse",
  "revision 5 of the other branch": "refuse",
  "revision 5 of a branch that is nowhere": "refuse",
  "revision 2 of no branch": "refuse",
  "revision 6": "refuse",
  "revision 2 of another lineage": "refuse",
} as const;

const SAME = {
  ...NEVER,
  "this lineage": "exchange",
  "this lineage, of when 3 was durable": "exchange",
  "this lineage, of when 5 was durable": "exchange",
  "revision 2": "continue",
  "revision 3": "continue",
  "revision 5": "continue",
} as const;

const RESTORED = {
  ...SAME,
  "this lineage, of when 5 was durable": "refuse",
  "revision 5": "refuse",
  "revision 5 of the other branch": "continue",
} as const;

const TABLE: { [document in keyof typeof DOCUMENTS]: { [copy in keyof typeof COPIES]: Beginning } } = {
  "was never written to": NEVER,
  "has its log up to 5 in memory": SAME,
  "has its log up to 5, folded up to 3": { ...SAME, "revision 2": "compare" },
  "goes on from 4 in another branch": RESTORED,
  "goes on from 4 in another branch, folded up to 5": {
    ...RESTORED,
    "revision 2": "compare",
    "revision 3": "compare",
  },
  "does not know its branches up to 3": {
    ...RESTORED,
    "revision 2": "exchange",
    "revision 3": "exchange",
    "revision 2 of no branch": "continue",
  },
};

const CASES = Object.entries(TABLE).flatMap(([document, row]) =>
  Object.entries(row).map(([copy, beginning]) => ({ document, copy, beginning })),
);

function positionOf(document: keyof typeof DOCUMENTS): Position {
  const { seq, first, branches } = DOCUMENTS[document];
  return {
    lineage: OURS,
    seq,
    durableSeq: seq,
    hasLogSince: (from) => from >= first,
    branchAt: (at) => branchAt(branches, at),
  };
}

test.each(CASES)("of a document that $document, who has $copy begins with $beginning", (it) => {
  const opening: Opening = { ...NO_OPENING, ...COPIES[it.copy as keyof typeof COPIES] };
  expect(beginningOf(opening, positionOf(it.document as keyof typeof DOCUMENTS))).toBe(it.beginning);
});

test("who is refused is told what both sides have", () => {
  const position = { ...positionOf("has its log up to 5 in memory"), durableSeq: 4 };
  const opening = { ...NO_OPENING, revision: { lineage: THEIRS, seq: 2, branch: ONE } };
  const { code, message } = lineageChanged(opening, position);
  expect(code).toBe("LINEAGE_CHANGED");
  for (const part of [OURS, THEIRS, "up to 2", "up to 4"]) expect(message).toContain(part);
  expect(lineageChanged(opening, { ...position, seq: 0 }).message).toContain("no such document");
  const restored = { ...NO_OPENING, revision: { lineage: OURS, seq: 2, branch: LOST } };
  expect(lineageChanged(restored, position).message).toContain("with another batch there");
});
