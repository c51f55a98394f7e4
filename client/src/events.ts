import { throwLater } from "./observable.ts";

/** Named events with a payload each. */
export class Events<Payloads> {
  readonly #listeners = new Map<keyof Payloads, Set<(payload: never) => void>>();

  /** @returns Stops it. */
  on<Name extends keyof Payloads>(name: Name, listener: (payload: Payloads[Name]) => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    const once = (payload: Payloads[Name]) => listener(payload);
    listeners.add(once);
    return () => listeners.delete(once);
  }

  /** @returns Whether anybody listens. */
  emit<Name extends keyof Payloads>(name: Name, payload: Payloads[Name]): boolean {
    const listeners = this.#listeners.get(name);
    if (!listeners || listeners.size === 0) return false;
    for (const listener of listeners) {
      try {
        (listener as (payload: Payloads[Name]) => void)(payload);
      } catch (thrown) {
        throwLater(thrown);
      }
    }
    return true;
  }
}
