import { Numbers } from "./numbers.ts";

/** Ticks of one client, as ranges: sixteen bytes each. */
export class TickRanges {
  #starts = new Numbers(Float64Array);
  #ends = new Numbers(Float64Array);
  /** Whether they ascend and are apart from each other. */
  #isTidy = true;

  get count(): number {
    this.#tidy();
    return this.#starts.length;
  }

  /** Adds the ticks from one up to another. */
  add(start: number, end: number): void {
    const last = this.#ends.length - 1;
    if (last >= 0 && start <= this.#ends.at(last)) {
      if (start < this.#starts.at(last)) this.#isTidy = false;
      else {
        // It goes on where the last one ends, or is in it.
        this.#ends.set(last, Math.max(end, this.#ends.at(last)));
        return;
      }
    }
    this.#starts.push(start);
    this.#ends.push(end);
  }

  /** Of the ranges, which ascend and are apart from each other. */
  startOf(range: number): number {
    this.#tidy();
    return this.#starts.at(range);
  }

  endOf(range: number): number {
    this.#tidy();
    return this.#ends.at(range);
  }

  /** How many ticks there are, each counted once. */
  get ticks(): number {
    let ticks = 0;
    for (let i = 0; i < this.count; i++) ticks += this.endOf(i) - this.startOf(i);
    return ticks;
  }

  #tidy(): void {
    if (this.#isTidy) return;
    this.#isTidy = true;
    const [starts, ends] = [this.#starts, this.#ends];
    const order = Uint32Array.from({ length: starts.length }, (_, i) => i);
    order.sort((a, b) => starts.at(a) - starts.at(b));
    this.#starts = new Numbers(Float64Array);
    this.#ends = new Numbers(Float64Array);
    for (const i of order) this.add(starts.at(i), ends.at(i));
  }
}
