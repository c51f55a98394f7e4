/**
 * The lists that structs stand in: each shared type has one, and one more for each of its keys, of which the last
 * struct is the value. A list is a few numbers in arrays; whose it is, is a root or the struct that is the type.
 */

import { free, Numbers } from "./numbers.ts";
import type { PackedUpdates } from "./packed-updates.ts";
import { NONE } from "./structs.ts";

/** A shared type: the number of the struct that it is in; of a root, `~` the root's number. */
export type TypeNumber = number;

export class StructLists {
  readonly #updates: PackedUpdates;
  readonly #roots = new Map<string, number>();
  readonly #owners = new Numbers(Int32Array);
  /** Position of the key's length; below 0 for the list of the type itself. */
  readonly #keys = new Numbers(Int32Array);
  readonly #heads = new Numbers(Int32Array);
  readonly #tails = new Numbers(Int32Array);
  /** The next list of a key of the same type. */
  readonly #nexts = new Numbers(Int32Array);
  /** Lists by type and key: one more than the number, 0 for none; the place is a hash, or one of those behind it. */
  #places = new Int32Array(2048);

  constructor(updates: PackedUpdates) {
    this.#updates = updates;
  }

  /** Names of the roots, as they came. */
  get roots(): ReadonlyMap<string, number> {
    return this.#roots;
  }

  rootNamed(name: string): TypeNumber {
    let root = this.#roots.get(name);
    if (root === undefined) {
      root = this.#roots.size;
      this.#roots.set(name, root);
    }
    return ~root;
  }

  /** The list of a type; {@link NONE} when nothing is in it, nor under its keys. */
  ofType(type: TypeNumber): number {
    return (this.#places[this.#placeOf(type, NONE)] as number) - 1;
  }

  /**
   * The list of a type or of one of its keys, which is made where there is none.
   *
   * @param keyPosition Position of a key's length; below 0 for the type's own list.
   */
  open(type: TypeNumber, keyPosition: number): number {
    const place = this.#placeOf(type, keyPosition);
    const known = (this.#places[place] as number) - 1;
    if (known !== NONE) return known;
    const list = this.#owners.length;
    this.#owners.push(type);
    this.#keys.push(keyPosition);
    this.#heads.push(NONE);
    this.#tails.push(NONE);
    this.#nexts.push(NONE);
    this.#places[place] = list + 1;
    if (this.#owners.length * 4 > this.#places.length * 3) this.#growPlaces();
    if (keyPosition >= 0) {
      const own = this.open(type, NONE);
      this.#nexts.set(list, this.#nexts.at(own));
      this.#nexts.set(own, list);
    }
    return list;
  }

  hasKey(list: number): boolean {
    return this.#keys.at(list) >= 0;
  }

  /** The first struct of a list. */
  headOf(list: number): number {
    return this.#heads.at(list);
  }

  setHead(list: number, struct: number): void {
    this.#heads.set(list, struct);
  }

  /** The last struct of a key's list. */
  tailOf(list: number): number {
    return this.#tails.at(list);
  }

  setTail(list: number, struct: number): void {
    this.#tails.set(list, struct);
  }

  /** The lists of a type's keys, in no order. */
  *keyed(type: TypeNumber): Generator<number> {
    const own = this.ofType(type);
    if (own === NONE) return;
    for (let list = this.#nexts.at(own); list !== NONE; list = this.#nexts.at(list)) yield list;
  }

  keyOf(list: number): string {
    return this.#updates.readerAt(this.#keys.at(list)).varString();
  }

  /** Compares keys by UTF-16 units, as strings compare, without making strings of them. */
  compareKeys(a: number, b: number): number {
    const bytesOfA = this.#keyBytes(this.#keys.at(a));
    const bytesOfB = this.#keyBytes(this.#keys.at(b));
    const common = Math.min(bytesOfA.length, bytesOfB.length);
    for (let i = 0; i < common; i++) {
      const [x, y] = [bytesOfA[i] as number, bytesOfB[i] as number];
      if (x === y) continue;
      // Four bytes of UTF-8 are two units, which are below those that begin with the bytes ee and ef.
      if (x >= 0xee && y >= 0xee && x >= 0xf0 !== y >= 0xf0) return y - x;
      return x - y;
    }
    return bytesOfA.length - bytesOfB.length;
  }

  #keyBytes(position: number): Uint8Array {
    return this.#updates.readerAt(position).varBytes();
  }

  /** Where a list is, or would be. */
  #placeOf(type: TypeNumber, keyPosition: number): number {
    const mask = this.#places.length - 1;
    let place = this.#hash(type, keyPosition) & mask;
    for (;;) {
      const list = (this.#places[place] as number) - 1;
      if (list === NONE || (this.#owners.at(list) === type && this.#isSameKey(list, keyPosition)))
        return place;
      place = (place + 1) & mask;
    }
  }

  #isSameKey(list: number, keyPosition: number): boolean {
    const known = this.#keys.at(list);
    if (known === keyPosition) return true;
    if (known < 0 || keyPosition < 0) return false;
    const key = this.#keyBytes(known);
    const other = this.#keyBytes(keyPosition);
    if (key.length !== other.length) return false;
    for (let i = 0; i < key.length; i++) if (key[i] !== other[i]) return false;
    return true;
  }

  #hash(type: TypeNumber, keyPosition: number): number {
    let hash = Math.imul(type, 0x9e3779b1);
    if (keyPosition >= 0) {
      const reader = this.#updates.readerAt(keyPosition);
      for (let left = reader.varUint(); left > 0; left--) hash = Math.imul(hash ^ reader.byte(), 0x01000193);
    }
    return hash ^ (hash >>> 15);
  }

  #growPlaces(): void {
    const { length } = this.#places;
    free(this.#places);
    this.#places = new Int32Array(length * 2);
    for (let list = 0; list < this.#owners.length; list++)
      this.#places[this.#placeOf(this.#owners.at(list), this.#keys.at(list))] = list + 1;
  }
}
