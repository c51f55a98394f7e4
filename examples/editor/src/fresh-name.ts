const WOODS = words(
  "Alder Ash Beech Birch Cedar Cherry Elm Fir Hazel Larch Linden Maple Oak Olive Pear Pine Plum Rowan Spruce Walnut Willow Yew",
);
const ANIMALS = words(
  "Badger Crane Curlew Dormouse Finch Fox Hare Heron Kestrel Lynx Marten Newt Otter Owl Plover Robin Seal Stoat Swift Thrush Vole Wren",
);
const THINGS = words(
  "arch bench bridge cabinet chair chest cradle door drawer easel fiddle frame gable ladder lantern loom mantel mast oar shelf sledge table",
);

/** A friendly name for somebody who has not given one, such as "Cedar Otter". */
export function freshPersonName(): string {
  return `${pick(WOODS)} ${pick(ANIMALS)}`;
}

/**
 * A readable name for a new document, such as "walnut-bench-k3x9qd". The tail makes it improbable, at 31 bits,
 * that two people who have never met write into the same document.
 */
export function freshDocumentName(): string {
  return `${pick(WOODS).toLowerCase()}-${pick(THINGS)}-${randomBelow(36 ** 6)
    .toString(36)
    .padStart(6, "0")}`;
}

function words(line: string): readonly string[] {
  return line.split(" ");
}

function pick(from: readonly string[]): string {
  return from[randomBelow(from.length)] as string;
}

/** A random integer from 0 up to, not including, `bound`; the bias of 2^32 over `bound` does not matter here. */
export function randomBelow(bound: number): number {
  const [word = 0] = crypto.getRandomValues(new Uint32Array(1));
  return word % bound;
}
