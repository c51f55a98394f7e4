/**
 * A Map, or a Set below, that is made when something is first put in, and let go of when it is cleared. A room has two dozen
 * of them, most of which most rooms never use, and an empty Map takes as much as a small document.
 */
export class LazyMap<Key, Value> {
  #map: Map<Key, Value> | null = null;

  get size(): number {
    return this.#map?.size ?? 0;
  }

  has(key: Key): boolean {
    return this.#map?.has(key) === true;
  }

  get(key: Key): Value | undefined {
    return this.#map?.get(key);
  }

  set(key: Key, value: Value): void {
    this.#map ??= new Map();
    this.#map.set(key, value);
  }

  delete(key: Key): boolean {
    return this.#map?.delete(key) === true;
  }

  clear(): void {
    // Whoever is walking over it ends there.
    this.#map?.clear();
    this.#map = null;
  }

  keys(): Iterable<Key> {
    return this.#map?.keys() ?? NOTHING;
  }

  values(): Iterable<Value> {
    return this.#map?.values() ?? NOTHING;
  }

  [Symbol.iterator](): Iterator<[Key, Value]> {
    return (this.#map ?? NOTHING)[Symbol.iterator]();
  }
}

export class LazySet<Value> {
  #set: Set<Value> | null = null;

  get size(): number {
    return this.#set?.size ?? 0;
  }

  has(value: Value): boolean {
    return this.#set?.has(value) === true;
  }

  add(value: Value): void {
    this.#set ??= new Set();
    this.#set.add(value);
  }

  delete(value: Value): boolean {
    return this.#set?.delete(value) === true;
  }

  clear(): void {
    this.#set?.clear();
    this.#set = null;
  }

  [Symbol.iterator](): Iterator<Value> {
    return (this.#set ?? NOTHING)[Symbol.iterator]();
  }
}

/** A WeakMap that is made when something is first put in. */
export class LazyWeakMap<Key extends object, Value> {
  #map: WeakMap<Key, Value> | null = null;

  get(key: Key): Value | undefined {
    return this.#map?.get(key);
  }

  set(key: Key, value: Value): void {
    this.#map ??= new WeakMap();
    this.#map.set(key, value);
  }
}

const NOTHING: Iterable<never> = [];
