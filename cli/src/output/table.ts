import { pc } from "./colours.ts";
import { cutMiddle, padded, widthOf } from "./text.ts";

/** A column with a width of its own; so rows can be printed as they come. */
export interface Column {
  readonly title: string;
  readonly width: number;
  readonly align: "left" | "right";
  /** Left out of tables with fewer columns of the terminal than this. Default 0: never. */
  readonly minTableWidth?: number;
}

/** Columns between which this much is left. */
const GAP = "  ";
const MIN_LAST_WIDTH = 8;

/**
 * A table whose rows are printed as they come. Its last column takes what the others leave, and is cut in its
 * middle where that is too little; it is never wrapped.
 */
export class Table {
  readonly #columns: readonly Column[];
  readonly #isShown: readonly boolean[];
  readonly #lastTitle: string;
  readonly #lastWidth: number;

  /** @param width Of the whole; may be infinite. */
  constructor(columns: readonly Column[], lastTitle: string, width: number) {
    this.#isShown = columns.map(({ minTableWidth = 0 }) => width >= minTableWidth);
    this.#columns = this.#shown(columns);
    this.#lastTitle = lastTitle;
    const taken = this.#columns.reduce((sum, column) => sum + column.width + GAP.length, 0);
    // The last column of a terminal stays free: some wrap when it is written to.
    this.#lastWidth = Math.max(MIN_LAST_WIDTH, width - taken - 1);
  }

  head(): string {
    const titles = this.#columns.map(({ title, width, align }) => padded(title, width, align));
    return pc.dim([...titles, this.#lastTitle].join(GAP));
  }

  /**
   * @param cells One for each column, shown or not.
   * @param last Of the last column.
   * @param paint Colours the last cell once it is cut.
   */
  row(cells: readonly string[], last: string, paint: (text: string) => string = (text) => text): string {
    const there = this.#shown(cells);
    const shown = this.#columns.map(({ width, align }, i) => padded(there[i] ?? "", width, align));
    return [...shown, paint(cutMiddle(last, this.#lastWidth))].join(GAP).trimEnd();
  }

  #shown<T>(ofColumns: readonly T[]): T[] {
    return ofColumns.filter((_, i) => this.#isShown[i]);
  }
}

/** Rows of names and values, one below the other. */
export function facts(rows: readonly (readonly [name: string, value: string])[]): string[] {
  const width = Math.max(...rows.map(([name]) => widthOf(name)));
  return rows.map(([name, value]) => `  ${pc.dim(padded(name, width, "left"))}  ${value}`);
}
