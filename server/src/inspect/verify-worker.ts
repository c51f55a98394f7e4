/** The worker of `verify-thread.ts`: it verifies one document, which it reads by asking. */

import { parentPort } from "node:worker_threads";
import { toJoineryError } from "@joinery/shared";
import type { CursorRange } from "../storage/database.ts";
import type { Verification } from "./source.ts";
import type { Reader } from "./stepwise-reads.ts";
import { type Rows, rowsOfStored, rowsReader } from "./stored-rows.ts";
import { verifyDocument } from "./verify.ts";
import type { Row, VerifyAnswer, VerifyMessage, VerifyTask } from "./verify-thread.ts";

const port = parentPort;
if (port === null) throw new Error("this runs in a worker thread");

/** What waits for an answer; there is one question at a time. */
let waiting: PromiseWithResolvers<VerifyAnswer> | null = null;
let cursors = 0;

port.once("message", (task: VerifyTask) => {
  port.on("message", (answer: VerifyAnswer) => waiting?.resolve(answer));
  verified(task).then(
    (verification) => tell({ kind: "verified", verification }),
    (error: unknown) => {
      const { code, message } = toJoineryError(error);
      tell({ kind: "failed", code, message });
    },
  );
});

async function verified(task: VerifyTask): Promise<Verification | null> {
  const { document } = task;
  if (task.kind === "read") return verifyDocument(asking(), document, task.losses);
  const rows: Rows = rowsOfStored(document, task.stored);
  const verification = await verifyDocument(rowsReader(rows), document, []);
  if (verification === null || task.damage === null) return verification;
  const problem = { record: "document", seq: 0, reason: task.damage } as const;
  return { ...verification, problems: [...verification.problems, problem] };
}

/** A database that somebody else has open. */
function asking(): Reader {
  return {
    get: async (key) => (await ask({ kind: "get", key })) as Uint8Array | undefined,
    iterator: (range) => new AskingCursor(range),
  };
}

class AskingCursor {
  readonly #range: CursorRange;
  #cursor = 0;
  #rows: Row[] = [];

  constructor(range: CursorRange) {
    this.#range = range;
  }

  async next(): Promise<Row | undefined> {
    if (this.#rows.length === 0) await this.#read();
    return this.#rows.shift();
  }

  async nextv(size: number): Promise<Row[]> {
    if (this.#rows.length === 0) await this.#read();
    return this.#rows.splice(0, size);
  }

  seek(): never {
    throw new Error("nothing seeks here");
  }

  async close(): Promise<void> {
    if (this.#cursor > 0) await ask({ kind: "close", cursor: this.#cursor });
  }

  async #read(): Promise<void> {
    if (this.#cursor === 0) {
      this.#cursor = ++cursors;
      await ask({ kind: "open", cursor: this.#cursor, range: this.#range });
    }
    this.#rows = [...((await ask({ kind: "next", cursor: this.#cursor })) as readonly Row[])];
  }
}

function ask(question: VerifyMessage): Promise<VerifyAnswer> {
  waiting = Promise.withResolvers();
  tell(question);
  return waiting.promise;
}

function tell(message: VerifyMessage): void {
  port?.postMessage(message);
}
