import type { JoineryError } from "@joinery/shared";
import type { ClientEnd, Connection } from "./connection.ts";
import type { SeededRandom } from "./seeded-random.ts";

/** No varint is that long, so these are nothing at all. */
const GIBBERISH = new Uint8Array(40).fill(0xff);

/** Somebody who sends what no client would, once, and reads whatever comes. */
export class Stranger implements ClientEnd {
  readonly name = "a stranger";
  /** Why the server closed the connection; `null` as long as it has not. */
  sentAwayFor: JoineryError | null = null;

  /** @param update A well-formed update; what is sent is not. */
  sendNonsense(connection: Connection, update: Uint8Array, random: SeededRandom): string {
    const damaged = random.pick([GIBBERISH, update.subarray(0, -1), Uint8Array.of(...update, 0)]);
    const { input, bytes } = random.pick([
      { input: "update", bytes: damaged },
      { input: "answer", bytes: damaged },
      { input: "presence", bytes: GIBBERISH },
      { input: "sync", bytes: GIBBERISH },
    ] as const);
    connection.say((session) => session[input](bytes));
    return `${this.name} sends ${bytes.length} bytes that are no ${input}`;
  }

  received(): void {
    // Reading is all it does.
  }

  disconnected(reason: JoineryError | null): void {
    this.sentAwayFor = reason;
  }
}
