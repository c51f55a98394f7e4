/** The fields of an object that a server answered with, each of the type that it has to be. */

import { JoineryError } from "@joinery/shared";

export class Fields {
  readonly #value: Readonly<Record<string, unknown>>;
  readonly #what: string;

  /**
   * @param what What it is, for messages: `the listing of a document`.
   * @throws JoineryError INVALID_OPTION (never retry), as all of its methods, unless it is what it has to be.
   */
  constructor(value: unknown, what: string) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw strange(what);
    this.#value = value as Readonly<Record<string, unknown>>;
    this.#what = what;
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#value, name);
  }

  /** As it is; `undefined` where it is not there. */
  value(name: string): unknown {
    return this.#value[name];
  }

  text(name: string): string {
    const value = this.#value[name];
    if (typeof value !== "string") throw this.strange(name);
    return value;
  }

  /** `null` also where it is not there. */
  textOrNull(name: string): string | null {
    return this.#value[name] == null ? null : this.text(name);
  }

  /** Any that is finite. */
  number(name: string): number {
    const value = this.#value[name];
    if (typeof value !== "number" || !Number.isFinite(value)) throw this.strange(name);
    return value;
  }

  /** A whole number from 0 on. */
  whole(name: string): number {
    const value = this.number(name);
    if (!Number.isSafeInteger(value) || value < 0) throw this.strange(name);
    return value;
  }

  /** A moment as ISO 8601, in milliseconds since 1970; 0 for `null`. */
  time(name: string): number {
    const text = this.textOrNull(name);
    const timeMs = text === null ? 0 : Date.parse(text);
    if (Number.isNaN(timeMs)) throw this.strange(name);
    return timeMs;
  }

  /** Bytes that are there as base64. */
  bytes(name: string): Uint8Array {
    const { buffer, byteOffset, length } = Buffer.from(this.text(name), "base64");
    // A Buffer's `slice` is another one than what Yjs and lib0 know.
    return new Uint8Array(buffer, byteOffset, length);
  }

  /** The error for a field that is not what it has to be. */
  strange(name: string): JoineryError {
    return strange(this.#what, name);
  }

  /**
   * Writes bytes that are there as base64.
   *
   * @param offset Where in `target` they begin.
   * @returns How many there are; they are not written where they do not fit.
   */
  writeBytes(name: string, target: Uint8Array, offset: number): number {
    const text = this.text(name);
    const length = Buffer.byteLength(text, "base64");
    if (length > target.length - offset) return length;
    return Buffer.from(target.buffer, target.byteOffset, target.length).write(text, offset, "base64");
  }

  /** All that are numbers, by their names. */
  numbers(): ReadonlyMap<string, number> {
    const found = Object.entries(this.#value).filter(([, value]) => typeof value === "number");
    return new Map(found as [string, number][]);
  }

  fields(name: string): Fields {
    return new Fields(this.#value[name], `${this.#what}, ${name}`);
  }

  list(name: string): readonly unknown[] {
    const value = this.#value[name];
    if (!Array.isArray(value)) throw this.strange(name);
    return value;
  }

  /** Each of them as an object. */
  each(name: string): readonly Fields[] {
    return this.list(name).map((value) => new Fields(value, `${this.#what}, ${name}`));
  }
}

function strange(what: string, name?: string): JoineryError {
  const field = name === undefined ? "it is no object" : `"${name}" is not what it has to be`;
  return new JoineryError("INVALID_OPTION", `the server answered with something else than ${what}: ${field}`);
}
