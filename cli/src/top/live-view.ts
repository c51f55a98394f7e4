/** What is on the screen while somebody watches, and what they may do about it. */

import { constants } from "node:os";
import { mayGoBy } from "../remote/coming-back.ts";
import { pause } from "../remote/pause.ts";
import { frameOf } from "./frame.ts";
import { ORDERS, type Order } from "./order.ts";
import { Screen, type Terminal } from "./screen.ts";
import type { Look, Watch } from "./watch.ts";

export const MIN_INTERVAL_SECONDS = 0.1;
export const MAX_INTERVAL_SECONDS = 3600;

/** What + and - choose of. */
const INTERVALS: readonly number[] = [0.5, 1, 2, 5, 10, 30, 60];
/** For as long as it is paused, unless a key comes. */
const PAUSED_MS = 3_600_000;
/** A server that is away is not asked more often. */
const MIN_RETRY_MS = 1000;
/** Below this the last line says less. */
const WIDE = 72;

const CTRL_C = "\u0003";
const CTRL_Z = "\u001a";

export interface LiveOptions {
  readonly url: string;
  readonly watch: Watch;
  readonly order: Order;
  readonly intervalSeconds: number;
  readonly terminal?: Terminal;
}

export class LiveView {
  readonly #url: string;
  readonly #watch: Watch;
  readonly #screen: Screen;
  #order: Order;
  #intervalSeconds: number;
  #offset = 0;
  #isPaused = false;
  #hasQuit = false;
  /** Why nothing can be drawn any more. */
  #failure: unknown = null;
  #look: Look | null = null;
  #trouble: string | null = null;
  #drawn: Promise<void> = Promise.resolve();
  #isDrawing = false;
  #isStale = false;
  #wake = new AbortController();

  constructor({ url, watch, order, intervalSeconds, terminal }: LiveOptions) {
    this.#url = url;
    this.#watch = watch;
    this.#order = order;
    this.#intervalSeconds = intervalSeconds;
    const events = { onKey: (key: string) => this.#take(key), onRedraw: () => this.#draw() };
    this.#screen = new Screen(events, terminal);
  }

  /** Resolves when somebody quits. Rejects as {@link Watch.look}, but for what may go by once there was an answer. */
  async run(): Promise<void> {
    // What is wrong from the start is told where it stays.
    this.#look = await this.#watch.look();
    this.#screen.open();
    try {
      while (!this.#hasQuit) {
        this.#draw();
        await this.#wait();
        if (!this.#hasQuit && !this.#isPaused) await this.#lookAgain();
      }
      await this.#drawn;
      if (this.#failure !== null) throw this.#failure;
    } finally {
      this.#screen.close();
    }
  }

  async #lookAgain(): Promise<void> {
    try {
      this.#look = await this.#watch.look();
      this.#trouble = null;
    } catch (error) {
      if (!mayGoBy(error)) throw error;
      this.#trouble = error.message;
    }
  }

  async #wait(): Promise<void> {
    const ms = this.#isPaused ? PAUSED_MS : this.#intervalSeconds * 1000;
    this.#wake = new AbortController();
    const { signal } = this.#wake;
    await pause(this.#trouble === null ? ms : Math.max(ms, MIN_RETRY_MS), signal).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }

  /** A terminal that is slow misses frames, and gets the last one. */
  #draw(): void {
    this.#isStale = true;
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    this.#drawn = this.#drawAll().catch((error: unknown) => {
      this.#failure = error;
      this.#quit();
    });
  }

  async #drawAll(): Promise<void> {
    try {
      while (this.#isStale && this.#look !== null) {
        this.#isStale = false;
        if (!(await this.#screen.draw(this.#frameOf(this.#look)))) this.#quit();
      }
    } finally {
      // In the same step in which it was found that nothing is to be drawn: else what comes between is never drawn.
      this.#isDrawing = false;
    }
  }

  #frameOf(look: Look): string[] {
    const { width, rows } = this.#screen;
    const view = {
      ...look,
      url: this.#url,
      order: this.#order,
      offset: this.#offset,
      nowMs: Date.now(),
      trouble: this.#trouble,
      footer: this.#footerOf(width),
    };
    return frameOf(view, { width, rows });
  }

  #footerOf(width: number): string {
    const every = `${this.#intervalSeconds} s`;
    const pace = this.#isPaused ? "paused" : `every ${every}`;
    return width < WIDE
      ? `q quit · s: by ${this.#order} · ↑↓ · +-: ${every} · space: ${this.#isPaused ? "go on" : "pause"}`
      : `q quit · s sort: by ${this.#order} · ↑↓ scroll · +- ${pace} · space ${this.#isPaused ? "goes on" : "pauses"}`;
  }

  #take(key: string): void {
    if (key === CTRL_C) process.exit(128 + constants.signals.SIGINT);
    else if (key === CTRL_Z) this.#screen.suspend();
    else if (key === "q" || key === "Q") this.#quit();
    else {
      const action = KEYS[key];
      if (action === undefined) return;
      action(this);
      this.#draw();
    }
  }

  #quit(): void {
    this.#hasQuit = true;
    this.#wake.abort();
  }

  sortNext(): void {
    this.#order = ORDERS[(ORDERS.indexOf(this.#order) + 1) % ORDERS.length] as Order;
    this.#offset = 0;
  }

  scroll(rooms: number): void {
    const last = Math.max(0, (this.#look?.sample.rooms.length ?? 0) - 1);
    this.#offset = Math.min(last, Math.max(0, this.#offset + rooms));
  }

  /** @param step 1 for the next longer interval, -1 for the next shorter one. */
  pace(step: 1 | -1): void {
    const now = this.#intervalSeconds;
    const longer = INTERVALS.find((seconds) => seconds > now);
    const shorter = INTERVALS.findLast((seconds) => seconds < now);
    this.#intervalSeconds = (step === 1 ? longer : shorter) ?? now;
  }

  togglePause(): void {
    this.#isPaused = !this.#isPaused;
    this.#wake.abort();
  }
}

const PAGE = 10;
const ALL = Number.MAX_SAFE_INTEGER;

const KEYS: Readonly<Record<string, (view: LiveView) => void>> = {
  s: (view) => view.sortNext(),
  " ": (view) => view.togglePause(),
  "+": (view) => view.pace(1),
  "-": (view) => view.pace(-1),
  j: (view) => view.scroll(1),
  k: (view) => view.scroll(-1),
  g: (view) => view.scroll(-ALL),
  G: (view) => view.scroll(ALL),
  "\u001b[A": (view) => view.scroll(-1),
  "\u001bOA": (view) => view.scroll(-1),
  "\u001b[B": (view) => view.scroll(1),
  "\u001bOB": (view) => view.scroll(1),
  "\u001b[5~": (view) => view.scroll(-PAGE),
  "\u001b[6~": (view) => view.scroll(PAGE),
};
