import { free, Numbers } from "./numbers.ts";

export type Clocks = Uint32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;

/** Ticks before which structs are cut. */
export class Cuts {
  readonly #clients = new Numbers(Uint32Array);
  readonly #clocks: Numbers<Uint32Array<ArrayBuffer>> | Numbers<Float64Array<ArrayBuffer>>;
  #firsts = new Uint32Array(0);
  #sorted: Clocks = new Uint32Array(0);

  /** @param isWide Whether clocks may have more than 32 bits. */
  constructor(isWide: boolean) {
    this.#clocks = isWide ? new Numbers(Float64Array) : new Numbers(Uint32Array);
  }

  /** By client, ascending, and each once; when they are sorted. */
  get clocks(): Clocks {
    return this.#sorted;
  }

  firstOf(client: number): number {
    return this.#firsts[client] as number;
  }

  add(client: number, clock: number): void {
    this.#clients.push(client);
    this.#clocks.push(clock);
  }

  /** @returns How many there are. */
  sort(clientCount: number): number {
    const clients = this.#clients.values();
    const clocks: Clocks = this.#clocks.values();
    const firsts = new Uint32Array(clientCount + 1);
    for (let i = 0; i < clients.length; i++) {
      const behind = (clients[i] as number) + 1;
      firsts[behind] = (firsts[behind] as number) + 1;
    }
    for (let i = 0; i < clientCount; i++) firsts[i + 1] = (firsts[i + 1] as number) + (firsts[i] as number);
    const next = firsts.slice();
    const sorted: Clocks = clocks.slice();
    for (let i = 0; i < clients.length; i++) {
      const client = clients[i] as number;
      const at = next[client] as number;
      sorted[at] = clocks[i] as number;
      next[client] = at + 1;
    }
    let count = 0;
    for (let client = 0; client < clientCount; client++) {
      const from = firsts[client] as number;
      const own = sorted.subarray(from, firsts[client + 1]).sort();
      firsts[client] = count;
      // What was written before this is never behind it.
      let last = -1;
      for (let i = 0; i < own.length; i++) {
        const clock = own[i] as number;
        if (clock !== last) sorted[count++] = clock;
        last = clock;
      }
    }
    firsts[clientCount] = count;
    this.#firsts = firsts;
    this.#sorted = sorted;
    this.#clients.free();
    this.#clocks.free();
    return count;
  }

  free(): void {
    free(this.#sorted);
  }
}

/** The last of ascending numbers, from one index up to another, that is not above a value. */
export function floor(numbers: Clocks, from: number, end: number, value: number): number {
  let low = from;
  let high = end - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if ((numbers[middle] as number) <= value) low = middle;
    else high = middle - 1;
  }
  return low;
}
