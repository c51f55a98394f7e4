/** Differences as JSON; its schema is stable: fields may come, none change their meaning. */

import { describeNode } from "./content-describe.ts";
import { isText } from "./content-nodes.ts";
import { type Json, type JsonObject, objectOf, when } from "./content-values.ts";
import type { Difference } from "./diff.ts";
import type { Authorship } from "./diff-authors.ts";
import { authorsOf, authorsOfChange } from "./diff-lines.ts";

type Field = readonly [string, Json];

/**
 * A difference: `path`, `change`, the nodes `before` and `after` as `show --json` has them, and `by`, who made it. Of
 * texts, instead of the nodes, `text`: all that was removed and added, with offsets before (`from`) and after (`to`).
 */
export function describeDifference(difference: Difference, authorship: Authorship | null): JsonObject {
  const by: readonly Field[] = authorship === null ? [] : [["by", authorsOf(difference, authorship)]];
  const start: readonly Field[] = [
    ["path", [...difference.path]],
    ["change", difference.change],
  ];
  if (difference.change === "added") {
    return objectOf([...start, ["after", describeNode(difference.after)], ...by]);
  }
  if (difference.change === "removed") {
    return objectOf([...start, ["before", describeNode(difference.before)], ...by]);
  }
  const { before, after, text } = difference;
  if (text === null) {
    return objectOf([...start, ["before", describeNode(before)], ["after", describeNode(after)], ...by]);
  }
  const changes = text.changes
    .filter(({ kind }) => kind !== "same")
    .map((change) => {
      const { kind, from, to } = change;
      const isKnown = authorship !== null && isText(before) && isText(after);
      const authors = isKnown ? [...authorsOfChange(change, { before, after }, authorship)].sort() : [];
      return objectOf([
        ["kind", kind],
        ["text", change.text],
        ["from", from],
        ["to", to],
        ...when<Field>(isKnown, ["by", authors]),
      ]);
    });
  const formats = text.formats.map(({ text, from, to, before, after }) => {
    return objectOf([
      ["text", text],
      ["from", from],
      ["to", to],
      ["before", JSON.parse(before)],
      ["after", JSON.parse(after)],
    ]);
  });
  return objectOf([...start, ["text", changes], ["formats", formats], ...by]);
}
