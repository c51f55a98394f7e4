import * as prng from "lib0/prng";

/** Chance that repeats itself: the same seed gives the same choices in the same order. */
export class SeededRandom {
  readonly #generator: prng.PRNG;

  constructor(seed: number) {
    this.#generator = prng.create(seed);
  }

  /** True this often, 0..1. */
  chance(share: number): boolean {
    return prng.real53(this.#generator) < share;
  }

  /** A whole number from 0 to `max`, both included. */
  upTo(max: number): number {
    return prng.int32(this.#generator, 0, max);
  }

  pick<T>(options: readonly T[]): T {
    const option = options[this.upTo(options.length - 1)];
    if (option === undefined) throw new Error("nothing to pick from");
    return option;
  }

  /** One of the options, each as often as its weight says. */
  pickWeighted<T extends { readonly weight: number }>(options: readonly T[]): T {
    let rest = prng.real53(this.#generator) * options.reduce((sum, { weight }) => sum + weight, 0);
    for (const option of options) {
      rest -= option.weight;
      if (rest < 0) return option;
    }
    throw new Error("nothing to pick from");
  }

  word(): string {
    return prng.word(this.#generator, 1, 9);
  }
}
