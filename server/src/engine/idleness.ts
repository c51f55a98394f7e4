import type { Clock, Timer } from "./ports.ts";

export interface IdlenessOptions {
  readonly clock: Clock;
  /** How long nobody has to be there, in milliseconds. */
  readonly idleMs: number;
  /** Whether the room may go; `null` for yes, at once. */
  readonly mayGo: () => Promise<boolean> | null;
  /** Whether nobody is there, still. */
  readonly isIdle: () => boolean;
  /** Nobody is there any more, or it may not go yet. */
  readonly onIdle: () => void;
  readonly beforeAsking: () => void;
  readonly go: () => void;
  readonly onMistake: (thrown: unknown) => void;
}

/** When a room in which nobody is goes: after a while, and then when it may. */
export class Idleness {
  readonly #options: IdlenessOptions;
  #timer: Timer | null = null;

  constructor(options: IdlenessOptions) {
    this.#options = options;
  }

  /** Nobody is there any more. */
  begin(): void {
    const { clock, idleMs, onIdle } = this.#options;
    this.end();
    onIdle();
    this.#timer = clock.setTimer(idleMs, () => {
      this.#timer = null;
      this.#ask();
    });
  }

  /** Somebody is there, or the room has ended. */
  end(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  /** Does not wait any longer. */
  hurry(): void {
    this.end();
    this.#ask();
  }

  #ask(): void {
    const { mayGo, isIdle, beforeAsking, go, onMistake } = this.#options;
    beforeAsking();
    if (!isIdle()) return;
    const asked = mayGo();
    if (asked === null) go();
    else asked.then((isAllowed) => this.#answered(isAllowed)).catch(onMistake);
  }

  #answered(isAllowed: boolean): void {
    // Somebody may have come meanwhile, or have come and gone.
    if (!this.#options.isIdle() || this.#timer !== null) return;
    if (isAllowed) this.#options.go();
    else this.begin();
  }
}
