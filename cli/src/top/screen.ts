/** A terminal as a whole: the alternate screen, keys, and its size. What was there before comes back, however it ends. */

import { writeOut } from "../output/terminal.ts";

/** Keys and output of this process; or of a test. */
export interface Terminal {
  readonly input: Pick<NodeJS.ReadStream, "isTTY" | "setRawMode" | "resume" | "pause" | "on" | "off">;
  readonly output: Pick<NodeJS.WriteStream, "columns" | "rows" | "on" | "off">;
  /** Resolves when it is written, with whether anybody reads on. */
  readonly write: (text: string) => Promise<boolean>;
}

const OWN: Terminal = { input: process.stdin, output: process.stdout, write: writeOut };

const ENTER = "\u001b[?1049h\u001b[?25l";
const LEAVE = "\u001b[?25h\u001b[?1049l";
const HOME = "\u001b[H";
const CLEAR_LINE = "\u001b[K";
const CLEAR_BELOW = "\u001b[J";

export interface ScreenEvents {
  /** A key as the terminal sends it: `q`, or `\u001b[A` for an arrow. */
  onKey(key: string): void;
  /** The terminal has another size, or what was on it is gone. */
  onRedraw(): void;
}

export class Screen {
  readonly #events: ScreenEvents;
  readonly #terminal: Terminal;
  #isOpen = false;

  constructor(events: ScreenEvents, terminal: Terminal = OWN) {
    this.#events = events;
    this.#terminal = terminal;
  }

  /** Whether there is a terminal that can be drawn on. */
  static isThere(): boolean {
    return process.stdout.isTTY === true && process.env.TERM !== "dumb";
  }

  open(): void {
    const { input, output } = this.#terminal;
    this.#enter();
    process.once("exit", this.#leave);
    process.on("SIGCONT", this.#comeBack);
    output.on("resize", this.#redraw);
    if (input.isTTY) input.on("data", this.#takeKeys);
  }

  close(): void {
    const { input, output } = this.#terminal;
    input.off("data", this.#takeKeys);
    output.off("resize", this.#redraw);
    process.off("SIGCONT", this.#comeBack);
    process.off("exit", this.#leave);
    this.#leave();
  }

  /** Some terminals report none, or 0. */
  get width(): number {
    return this.#terminal.output.columns || 80;
  }

  get rows(): number {
    return this.#terminal.output.rows || 24;
  }

  /** Draws over what is there, without clearing it first: that would flicker. @returns As `writeOut`. */
  async draw(lines: readonly string[]): Promise<boolean> {
    const text = lines.map((line) => line + CLEAR_LINE).join("\r\n");
    return this.#terminal.write(HOME + text + CLEAR_BELOW);
  }

  /** Goes to the background until the shell brings it back. */
  suspend(): void {
    this.#leave();
    process.kill(process.pid, "SIGTSTP");
  }

  readonly #enter = () => {
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#write(ENTER);
    const { input } = this.#terminal;
    if (input.isTTY) input.setRawMode(true).resume();
  };

  readonly #leave = () => {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    const { input } = this.#terminal;
    if (input.isTTY) input.setRawMode(false).pause();
    // A terminal takes it at once, also when the process ends.
    this.#write(LEAVE);
  };

  /** What cannot be written to a terminal, nobody could be told. */
  #write(text: string): void {
    this.#terminal.write(text).catch(() => undefined);
  }

  readonly #comeBack = () => {
    this.#enter();
    this.#events.onRedraw();
  };

  readonly #redraw = () => this.#events.onRedraw();

  readonly #takeKeys = (data: Buffer) => {
    for (const key of keysIn(data.toString("utf8"))) this.#events.onKey(key);
  };
}

/** Several may come at once. */
function keysIn(text: string): readonly string[] {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: reason: keys are such characters
  return text.match(/\u001b\[[0-9;]*[A-Za-z~]|\u001bO[A-Z]|[\s\S]/gu) ?? [];
}
