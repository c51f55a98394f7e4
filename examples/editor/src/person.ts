/**
 * People as the page shows them. A name and a colour that come from somebody else are whatever their program
 * sent, so everything that ends up on the screen passes through {@link readPerson}.
 */

const MAX_NAME_LENGTH = 40;

/**
 * Colours for cursors and initials. Each has at least 4.5:1 against white text on it, and at least 3:1 against
 * the paper of both themes.
 */
export const PALETTE: readonly string[] = [
  "#b5472b",
  "#2f6fb0",
  "#2d7d46",
  "#8a55b5",
  "#b03a82",
  "#8c6410",
  "#13787d",
  "#5b62c9",
  "#b03a48",
  "#5f7322",
];

/** The awareness field `user`, as y-codemirror.next reads it. */
export interface Person {
  readonly name: string;
  readonly color: string;
  /** The same colour, thin enough to read text through: for selections. */
  readonly colorLight: string;
}

export function createPerson(name: string, color: string): Person {
  return { name, color, colorLight: `${color}38` };
}

/** Makes a presentable person of whatever a client announced as its `user`. */
export function readPerson(user: unknown, clientId: number): Person {
  const { name, color } = isRecord(user) ? user : {};
  return createPerson(
    (typeof name === "string" && tidyName(name)) || "Someone",
    typeof color === "string" && /^#[0-9a-f]{6}$/i.test(color)
      ? color
      : (PALETTE[clientId % PALETTE.length] as string),
  );
}

/** A name in one line and of bounded length; empty when nothing visible is left. */
export function tidyName(name: string): string {
  const line = name.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, " ").trim();
  return [...line].slice(0, MAX_NAME_LENGTH).join("").toWellFormed();
}

/** One or two characters that stand for a name. */
export function initialsOf(name: string): string {
  const words = name.split(" ").filter((word) => word !== "");
  const ends = words.length > 1 ? [words[0], words.at(-1)] : words;
  return ends.map((word = "") => firstCharacter(word).toUpperCase()).join("");
}

const graphemes = new Intl.Segmenter();

function firstCharacter(word: string): string {
  const [first] = graphemes.segment(word);
  return first?.segment ?? "";
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
