import { attempt, throwLater } from "./observable.ts";

/** Named events with a payload each. */
export class Events<Payloads> {
  readonly #listeners = new Set<readonly [keyof Payloads, (payload: never) => void]>();

  /** @returns Stops it. */
  on<Name extends keyof Payloads>(name: Name, listener: (payload: Payloads[Name]) => void): () => void {
    const entry = [name, listener] as const;
    this.#listeners.add(entry);
    return () => this.#listeners.delete(entry);
  }

  /** @returns Whether anybody listens. */
  emit<Name extends keyof Payloads>(name: Name, payload: Payloads[Name]): boolean {
    let isHeard = false;
    for (const [wanted, listener] of this.#listeners) {
      if (wanted !== name) continue;
      isHeard = true;
      attempt(() => listener(payload as never), throwLater);
    }
    return isHeard;
  }
}
