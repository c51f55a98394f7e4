/** What an application, or a binding for its framework, may watch. */
export interface Observable<T> {
  /** Calls back after each change, once for all changes of a turn. @returns Stops that. */
  readonly subscribe: (listener: () => void) => () => void;
  /** What it is now. The same object until something in it changes; never mutated. */
  readonly getSnapshot: () => T;
}

/** An exception of a listener is the application's: it surfaces where uncaught ones do, and harms nobody else. */
export function throwLater(thrown: unknown): void {
  queueMicrotask(() => {
    throw thrown;
  });
}

/** Runs what may call listeners of the application. @param onError Told what they throw; must not throw. */
export function attempt(run: () => void, onError: (thrown: unknown) => void): void {
  try {
    run();
  } catch (thrown) {
    onError(thrown);
  }
}

/** A value that is worked out when somebody looks, and watched. */
export class Watched<T extends object> implements Observable<T> {
  readonly #compute: () => T;
  readonly #onChange: ((before: T, now: T) => void) | undefined;
  readonly #listeners = new Set<() => void>();
  #value: T;
  #told: T;
  #isOutdated = false;
  #isScheduled = false;

  /** @param onChange Called before the listeners are. */
  constructor(compute: () => T, onChange?: (before: T, now: T) => void) {
    this.#compute = compute;
    this.#onChange = onChange;
    this.#value = compute();
    this.#told = this.#value;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    // The same function may be given twice.
    const once = () => listener();
    this.#listeners.add(once);
    return () => this.#listeners.delete(once);
  };

  readonly getSnapshot = (): T => {
    if (this.#isOutdated) {
      this.#isOutdated = false;
      const value = this.#compute();
      if (!isSame(value, this.#value)) this.#value = value;
    }
    return this.#value;
  };

  /** Resolves with the first value that is wanted, the present one included. */
  until(isWanted: (value: T) => boolean): Promise<T> {
    return new Promise((resolve) => {
      const check = () => {
        const value = this.getSnapshot();
        if (!isWanted(value)) return;
        stop();
        resolve(value);
      };
      const stop = this.subscribe(check);
      check();
    });
  }

  /** Something that it is made of may be different. */
  changed(): void {
    this.#isOutdated = true;
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => this.#tell());
  }

  #tell(): void {
    this.#isScheduled = false;
    const before = this.#told;
    const now = this.getSnapshot();
    if (now === before) return;
    this.#told = now;
    this.#onChange?.(before, now);
    for (const listener of this.#listeners) attempt(listener, throwLater);
  }
}

/** Whether two values are the same, plain objects and lists by what is in them. */
function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (!isPlain(a) || !isPlain(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => isSame(a[key], b[key]));
}

function isPlain(value: unknown): value is Record<string, unknown> {
  const maker = (value as object | null)?.constructor;
  return maker === Object || maker === Array;
}
