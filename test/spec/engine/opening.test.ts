import { expect, test } from "vitest";
import {
  type Beginning,
  beginningOf,
  lineageChanged,
  NO_OPENING,
  type Opening,
} from "../../../server/src/engine/opening.ts";

const OURS = "a".repeat(32);
const THEIRS = "b".repeat(32);

const DOCUMENTS = {
  "was never written to": { seq: 0, first: 0 },
  "has its log up to 5 in memory": { seq: 5, first: 0 },
  "has its log up to 5, folded up to 3": { seq: 5, first: 3 },
} as const;

const COPIES = {
  nothing: {},
  "this lineage": { lineage: OURS },
  "another lineage": { lineage: THEIRS },
  "revision 2": { revision: { lineage: OURS, seq: 2 } },
  "revision 3": { revision: { lineage: OURS, seq: 3 } },
  "revision 5": { revision: { lineage: OURS, seq: 5 } },
  "revision 6": { revision: { lineage: OURS, seq: 6 } },
  "revision 2 of another lineage": { revision: { lineage: THEIRS, seq: 2 } },
} as const;

const TABLE: { [document in keyof typeof DOCUMENTS]: { [copy in keyof typeof COPIES]: Beginning } } = {
  "was never written to": {
    nothing: "exchange",
    "this lineage": "refuse",
    "another lineage": "refuse",
    "revision 2": "refuse",
    "revision 3": "refuse",
    "revision 5": "refuse",
    "revision 6": "refuse",
    "revision 2 of another lineage": "refuse",
  },
  "has its log up to 5 in memory": {
    nothing: "exchange",
    "this lineage": "exchange",
    "another lineage": "refuse",
    "revision 2": "continue",
    "revision 3": "continue",
    "revision 5": "continue",
    "revision 6": "refuse",
    "revision 2 of another lineage": "refuse",
  },
  "has its log up to 5, folded up to 3": {
    nothing: "exchange",
    "this lineage": "exchange",
    "another lineage": "refuse",
    "revision 2": "compare",
    "revision 3": "continue",
    "revision 5": "continue",
    "revision 6": "refuse",
    "revision 2 of another lineage": "refuse",
  },
};

const CASES = Object.entries(TABLE).flatMap(([document, row]) =>
  Object.entries(row).map(([copy, beginning]) => ({ document, copy, beginning })),
);

test.each(CASES)("of a document that $document, who has $copy begins with $beginning", (it) => {
  const { seq, first } = DOCUMENTS[it.document as keyof typeof DOCUMENTS];
  const opening: Opening = { ...NO_OPENING, ...COPIES[it.copy as keyof typeof COPIES] };
  const position = { lineage: OURS, seq, durableSeq: seq, hasLogSince: (from: number) => from >= first };
  expect(beginningOf(opening, position)).toBe(it.beginning);
});

test("who is refused is told what both sides have", () => {
  const position = { lineage: OURS, seq: 5, durableSeq: 4, hasLogSince: () => true };
  const opening = { ...NO_OPENING, revision: { lineage: THEIRS, seq: 2 } };
  const { code, message } = lineageChanged(opening, position);
  expect(code).toBe("LINEAGE_CHANGED");
  for (const part of [OURS, THEIRS, "up to 2", "up to 4"]) expect(message).toContain(part);
  expect(lineageChanged(opening, { ...position, seq: 0 }).message).toContain("no such document");
});
