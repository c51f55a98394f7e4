type TypedArray =
  | Uint8Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Float64Array<ArrayBuffer>;

const FIRST_LENGTH = 16;

/** A list of numbers that grows, in the bytes that its type takes. */
export class Numbers<T extends TypedArray> {
  readonly #type: new (
    length: number | ArrayBuffer,
  ) => T;
  #values: T;
  length = 0;

  constructor(type: new (length: number | ArrayBuffer) => T) {
    this.#type = type;
    this.#values = new type(FIRST_LENGTH);
  }

  push(value: number): void {
    if (this.length === this.#values.length) this.#values = new this.#type(longer(this.#values));
    this.#values[this.length++] = value;
  }

  at(index: number): number {
    return this.#values[index] as number;
  }

  set(index: number, value: number): void {
    this.#values[index] = value;
  }

  /** A view of them. */
  values(): T {
    return this.#values.subarray(0, this.length) as T;
  }

  /** Lets go of them. */
  free(): void {
    free(this.#values);
    this.#values = new this.#type(0);
    this.length = 0;
  }
}

/** Twice the memory, with what was there: by then nobody has the old one. */
function longer({ buffer }: TypedArray): ArrayBuffer {
  return buffer.transfer(2 * buffer.byteLength);
}

/** Gives memory back at once; nobody may use it any more. A collection may be long in coming, and then it is slow. */
export function free({ buffer }: TypedArray): void {
  buffer.transfer(0);
}
