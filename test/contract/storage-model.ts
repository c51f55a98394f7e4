/** Runs a storage beside a model that is too simple to be wrong, and compares all that can be seen of both. */

import type { DocumentName } from "@joinery/shared";
import fc from "fast-check";
import { expect } from "vitest";
import type {
  Branch,
  BranchId,
  Lineage,
  LogEntry,
  Snapshot,
  Storage,
  StoredDocument,
} from "../../server/src/engine/ports.ts";

/** Where storages to try come from. */
export interface StorageSource {
  /** Makes a storage that holds nothing and is not open yet. */
  readonly create: () => Promise<Storage>;
  /** Makes another storage, not open yet, on what a closed one holds; absent where nothing outlives `close`. */
  readonly reopen?: (closed: Storage) => Promise<Storage>;
}

const NAMES = ["a", "ab", "a\0", "é", "😀"] as DocumentName[];

type Step =
  | {
      readonly do: "append";
      readonly document: DocumentName;
      readonly updates: readonly Uint8Array[];
      readonly beginsBranch: boolean;
    }
  /** `back` entries before the end of the log. */
  | { readonly do: "compact"; readonly document: DocumentName; readonly back: number }
  | { readonly do: "delete" | "erase"; readonly document: DocumentName }
  | { readonly do: "restore"; readonly document: DocumentName; readonly number: number }
  /** What is not of the last so many steps. */
  | { readonly do: "purge"; readonly age: number }
  | {
      readonly do: "read";
      readonly document: DocumentName;
      readonly after: number;
      readonly maxBytes: number;
    }
  | { readonly do: "list"; readonly prefix: string }
  | { readonly do: "reopen" };

const document = fc.constantFrom(...NAMES);
const update = fc.uint8Array({ maxLength: 40 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("append"),
      document,
      updates: fc.array(update, { minLength: 1 }),
      beginsBranch: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("compact"), document, back: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("delete"), document }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("erase"), document }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("restore"), document, number: fc.integer({ min: 1, max: 2 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("purge"), age: fc.nat(5) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("read"), document, after: fc.nat(12), maxBytes: fc.nat(200) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("list"), prefix: fc.constantFrom("", "a", "a\0", "é", "z") }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("reopen") }) },
);

interface ModelDocument {
  lineage: Lineage;
  bornAt: number;
  snapshot: Snapshot | null;
  log: LogEntry[];
  branches: readonly Branch[];
}

interface ModelDeletion {
  readonly number: number;
  readonly deletedAt: number;
  readonly found: ModelDocument;
}

/** Rejects with the shortest sequence of steps that a storage and the model disagree on. */
export async function modelProperty(source: StorageSource): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const run = new ModelRun(source, await source.create());
      try {
        await run.storage.open();
        for (const each of steps) await run.take(each);
        await run.compare();
      } finally {
        await run.storage.close();
      }
    }),
    { numRuns: 60 },
  );
}

class ModelRun {
  storage: Storage;
  readonly #source: StorageSource;
  readonly #model = new Map<DocumentName, ModelDocument>();
  readonly #deleted = new Map<DocumentName, ModelDeletion[]>();
  readonly #appends: Promise<void>[] = [];
  #births = 0;
  #steps = 0;

  constructor(source: StorageSource, storage: Storage) {
    this.#source = source;
    this.storage = storage;
  }

  async take(step: Step): Promise<void> {
    this.#steps++;
    // Appends are not waited for until something has to see them: they overlap each other and all changes.
    if (step.do === "append") this.#append(step);
    else if (step.do === "compact") await this.#compact(step.document, step.back);
    else if (step.do === "delete") await this.#delete(step.document);
    else if (step.do === "erase") await this.#erase(step.document);
    else if (step.do === "restore") await this.#restore(step.document, step.number);
    else if (step.do === "purge") await this.#purge(step.age);
    else if (step.do === "read") await this.#read(step);
    else if (step.do === "list") await this.#list(step.prefix);
    else await this.#reopen();
  }

  async compare(): Promise<void> {
    await this.#appended();
    for (const name of NAMES) {
      expect(await this.storage.load(name)).toEqual(this.#loaded(name));
      const deletions = (await this.storage.deletionsOf(name)).map(({ number, deletedAt }) => [
        number,
        deletedAt,
      ]);
      expect(deletions).toEqual(
        (this.#deleted.get(name) ?? []).map(({ number, deletedAt }) => [number, deletedAt]),
      );
    }
    await this.#list("");
  }

  #append({ document: name, updates, beginsBranch }: Extract<Step, { do: "append" }>): void {
    const known = this.#model.get(name);
    const birth = {
      lineage: (++this.#births).toString(16).padStart(32, "0") as Lineage,
      bornAt: this.#births,
    };
    const found = known ?? { ...birth, snapshot: null, log: [], branches: [] };
    const seq = (found.log.at(-1)?.seq ?? found.snapshot?.seq ?? 0) + 1;
    const parts = updates.map((bytes, i) => ({ author: `author ${i}`, update: bytes }));
    const entry = { seq, time: seq, parts };
    this.#model.set(name, found);
    found.log.push(entry);
    const id = seq.toString(16).padStart(16, "0") as BranchId;
    if (beginsBranch) found.branches = [...found.branches, { seq, id }].slice(-3);
    this.#appends.push(
      this.storage.append({
        document: name,
        entry,
        ...(known === undefined && { birth }),
        ...(beginsBranch && { branches: found.branches }),
      }),
    );
  }

  async #compact(name: DocumentName, back: number): Promise<void> {
    const found = this.#model.get(name);
    const seq = found?.log.at(-1 - back)?.seq;
    if (found === undefined || seq === undefined) return;
    found.snapshot = { seq, time: seq, update: Uint8Array.of(seq, this.#births) };
    found.log = found.log.filter((entry) => entry.seq > seq);
    await this.storage.compact(name, found.snapshot);
  }

  async #delete(name: DocumentName): Promise<void> {
    const found = this.#model.get(name);
    const deletions = this.#deleted.get(name) ?? [];
    const number = (deletions.at(-1)?.number ?? 0) + 1;
    const time = this.#steps;
    const made = await this.storage.delete(name, { time, author: "ann", stateVector: Uint8Array.of(0) });
    expect(made?.number).toBe(found && number);
    if (found === undefined) return;
    this.#model.delete(name);
    this.#deleted.set(name, [...deletions, { number, deletedAt: time, found }]);
  }

  async #erase(name: DocumentName): Promise<void> {
    this.#model.delete(name);
    this.#deleted.delete(name);
    await this.storage.erase(name);
  }

  async #restore(name: DocumentName, number: number): Promise<void> {
    const deletions = this.#deleted.get(name) ?? [];
    const wanted = deletions.find((deletion) => deletion.number === number);
    const restored = this.storage.restore(name, number);
    if (this.#model.has(name)) await expect(restored).rejects.toMatchObject({ code: "DOCUMENT_EXISTS" });
    else if (wanted === undefined)
      await expect(restored).rejects.toMatchObject({ code: "DOCUMENT_NOT_FOUND" });
    else {
      await restored;
      this.#model.set(name, wanted.found);
      this.#deleted.set(
        name,
        deletions.filter((deletion) => deletion !== wanted),
      );
    }
  }

  async #purge(age: number): Promise<void> {
    const before = this.#steps - age;
    let count = 0;
    for (const [name, deletions] of this.#deleted) {
      const kept = deletions.filter(({ deletedAt }) => deletedAt >= before);
      count += deletions.length - kept.length;
      this.#deleted.set(name, kept);
    }
    expect(await this.storage.purge(before)).toBe(count);
  }

  async #read({ document: name, after, maxBytes }: Extract<Step, { do: "read" }>): Promise<void> {
    await this.#appended();
    const left = (this.#model.get(name)?.log ?? []).filter(({ seq }) => seq > after);
    const sizes = left.map(({ parts }) => parts.reduce((sum, part) => sum + part.update.length, 0));
    const count = left.findIndex((_, i) => i > 0 && sizes.slice(0, i + 1).reduce((a, b) => a + b) > maxBytes);
    const expected = count === -1 ? left : left.slice(0, count);
    expect(await this.storage.read(name, after, maxBytes)).toEqual(expected);
  }

  async #list(prefix: string): Promise<void> {
    await this.#appended();
    const expected = NAMES.filter((name) => name.startsWith(prefix)).flatMap((name) => {
      const { lineage, bornAt } = this.#model.get(name) ?? {};
      return lineage === undefined ? [] : [{ document: name, lineage, bornAt }];
    });
    expected.sort((a, b) => Buffer.compare(Buffer.from(a.document), Buffer.from(b.document)));
    const listed: unknown[] = [];
    for await (const summary of this.storage.list(prefix)) listed.push(summary);
    expect(listed).toEqual(expected);
  }

  async #reopen(): Promise<void> {
    if (this.#source.reopen === undefined) return;
    await this.storage.close();
    await this.#appended(); // Closing has waited for them.
    this.storage = await this.#source.reopen(this.storage);
    await this.storage.open();
    await this.compare();
  }

  async #appended(): Promise<void> {
    await Promise.all(this.#appends.splice(0));
  }

  #loaded(name: DocumentName): StoredDocument | null {
    const found = this.#model.get(name);
    if (found === undefined) return null;
    const { log: tail, ...document } = found;
    return { ...document, tail, damage: null };
  }
}
