/**
 * Messages that have arrived and wait. What was read from a socket at once may hold ten thousand of them, so they
 * lie one after the other in one piece of memory: an object for each would cost ten times their bytes.
 */
export class Inbox {
  #bytes = new Uint8Array(0);
  #end = 0;
  #lengths: number[] = [];
  /** Where in `#bytes`, and in `#lengths`, the first one is that still waits. */
  #start = 0;
  #next = 0;

  get isEmpty(): boolean {
    return this.#next === this.#lengths.length;
  }

  /** Takes a copy. */
  push(message: Uint8Array): void {
    const end = this.#end + message.length;
    if (end > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(end, 2 * this.#bytes.length));
      larger.set(this.#bytes.subarray(0, this.#end));
      this.#bytes = larger;
    }
    this.#bytes.set(message, this.#end);
    this.#end = end;
    this.#lengths.push(message.length);
  }

  /** @returns The first message, whose bytes are the caller's from now on; `null` when there is none. */
  shift(): Uint8Array | null {
    const length = this.#lengths[this.#next];
    if (length === undefined) return null;
    const message = this.#bytes.subarray(this.#start, this.#start + length);
    this.#next++;
    this.#start += length;
    if (this.isEmpty) this.clear();
    return message;
  }

  clear(): void {
    this.#bytes = new Uint8Array(0);
    this.#end = 0;
    this.#lengths = [];
    this.#start = 0;
    this.#next = 0;
  }
}
