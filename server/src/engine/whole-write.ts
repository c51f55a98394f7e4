import type { Gate } from "./gate.ts";
import type { Revision } from "./ports.ts";

/** Where a document is; `null` while something was accepted that is not in the log yet. */
export type WhereItIs = Revision | null;

/** Says by an error why something must not be written to a document that is there. */
export type Demand = (at: WhereItIs) => void;

/** The way of a write that is made under a condition: it is looked at again when the write is added. */
export class WholeWrite implements Gate {
  readonly #demand: Demand;
  readonly #where: () => WhereItIs;

  constructor(demand: Demand, where: () => WhereItIs) {
    this.#demand = demand;
    this.#where = where;
  }

  /** @throws What the condition says. */
  get isOpen(): boolean {
    this.#demand(this.#where());
    return true;
  }

  pass(): void {
    // Nobody waits for this moment.
  }
}
