/**
 * What the client counts on, whatever an offline store keeps documents in. Updates are opaque to a store, so small
 * byte strings stand in for them.
 */

import { describe, expect, onTestFinished, test } from "vitest";
import type { OfflineDocument, OfflineStore } from "../../client/src/offline/ports.ts";
import { BRANCH } from "../support/branch.ts";

export interface OfflineStoreSource {
  readonly name: string;
  /** Makes a place for a store, empty, and gives what opens it; it is opened again after it was closed. */
  create(): Promise<() => Promise<OfflineStore>>;
}

export const LINEAGE = "00112233445566778899aabbccddeeff";
export const OTHER_LINEAGE = "ffeeddccbbaa99887766554433221100";

export const update = (...bytes: number[]) => Uint8Array.from(bytes);
const nobody = (error: Error | null) => {
  throw error;
};

export function offlineStoreContract({ name, create }: OfflineStoreSource): void {
  describe(`the ${name} offline store`, () => {
    const opened = async () => {
      const open = await create();
      let store = await open();
      onTestFinished(() => store.close());
      return {
        document: (document = "notes"): Promise<OfflineDocument> => store.open(document, nobody),
        again: async (document = "notes"): Promise<OfflineDocument> => {
          await store.close();
          store = await open();
          return store.open(document, nobody);
        },
        get store() {
          return store;
        },
      };
    };

    test("a document that was never opened is empty", async () => {
      const stage = await opened();
      expect((await stage.document()).copy).toEqual({
        updates: [],
        unsaved: [],
        revision: null,
        lineage: null,
        confirmed: [],
      });
    });

    test("a document is as it was when it was opened, whatever is added", async () => {
      const stage = await opened();
      const document = await stage.document();
      document.addLocal(update(1));
      await document.flush();
      expect(document.copy.updates).toEqual([]);
    });

    test("local edits come back in order, and are unsaved", async () => {
      const stage = await opened();
      const document = await stage.document();
      for (const n of [1, 2, 3]) document.addLocal(update(n));
      await document.flush();
      for (const n of [4, 5]) document.addLocal(update(n));
      const { copy } = await stage.again();
      expect(copy.unsaved).toEqual([1, 2, 3, 4, 5].map((n) => update(n)));
      expect(copy.updates).toEqual(copy.unsaved);
    });

    test("what was saved is no longer unsaved, and still part of the document", async () => {
      const stage = await opened();
      const document = await stage.document();
      for (const n of [1, 2]) {
        document.addLocal(update(n));
        await document.flush();
      }
      document.addLocal(update(3));
      document.saved(1);
      await document.flush();
      const again = await stage.again();
      expect(again.copy.unsaved).toEqual([update(2), update(3)]);
      expect(sorted(again.copy.updates)).toEqual([update(1), update(2), update(3)]);
      again.saved(2);
      const last = await stage.again();
      expect(last.copy.unsaved).toEqual([]);
      expect(sorted(last.copy.updates)).toEqual([update(1), update(2), update(3)]);
    });

    test("an edit that was saved at once was never unsaved", async () => {
      const stage = await opened();
      const document = await stage.document();
      document.addLocal(update(1));
      document.saved(1);
      const { copy } = await stage.again();
      expect(copy).toMatchObject({ unsaved: [], updates: [update(1)] });
    });

    test("no more can be saved than is unsaved", async () => {
      const stage = await opened();
      const document = await stage.document();
      document.addLocal(update(1));
      expect(() => document.saved(2)).toThrow(RangeError);
    });

    test("a revision comes back with the updates that it covers", async () => {
      const stage = await opened();
      const document = await stage.document();
      document.addRemote(update(1));
      document.setRevision({ lineage: LINEAGE, seq: 7, branch: BRANCH }, LINEAGE);
      const again = await stage.again();
      expect(again.copy).toEqual({
        updates: [update(1)],
        unsaved: [],
        revision: { lineage: LINEAGE, seq: 7, branch: BRANCH },
        lineage: LINEAGE,
        confirmed: [{ seq: 7, branch: BRANCH }],
      });
      again.addLocal(update(2));
      again.saved(1);
      const { copy } = await stage.again();
      expect(copy.revision, "own edits take nothing from it").toEqual({
        lineage: LINEAGE,
        seq: 7,
        branch: BRANCH,
      });
    });

    test("a revision is void once something came from the server, until there is another", async () => {
      const stage = await opened();
      const document = await stage.document();
      document.addRemote(update(1));
      document.setRevision({ lineage: LINEAGE, seq: 7, branch: BRANCH }, LINEAGE);
      document.addRemote(update(2));
      const again = await stage.again();
      expect(again.copy).toMatchObject({ revision: null, lineage: LINEAGE });
      again.setRevision({ lineage: LINEAGE, seq: 8, branch: BRANCH }, LINEAGE);
      const last = await stage.again();
      expect(last.copy.revision).toEqual({ lineage: LINEAGE, seq: 8, branch: BRANCH });
      last.setRevision(null, LINEAGE);
      expect((await stage.again()).copy).toMatchObject({ revision: null, lineage: LINEAGE });
    });

    test("a copy stays of its lineage until it is replaced", async () => {
      const stage = await opened();
      const document = await stage.document();
      document.setRevision(null, LINEAGE);
      expect(() => document.setRevision(null, OTHER_LINEAGE)).toThrow("replace()");
      expect(() => document.setRevision({ lineage: OTHER_LINEAGE, seq: 1, branch: BRANCH }, LINEAGE)).toThrow(
        "another lineage",
      );
      document.setRevision(null, null);
      expect((await stage.again()).copy.lineage).toBe(LINEAGE);
    });

    test("folding keeps the whole document, what is unsaved, the revision and the lineage", async () => {
      const stage = await opened();
      const document = await stage.document();
      document.addRemote(update(1));
      document.addLocal(update(2));
      document.setRevision({ lineage: LINEAGE, seq: 7, branch: BRANCH }, LINEAGE);
      document.compact(update(1, 2));
      document.addLocal(update(3));
      const again = await stage.again();
      expect(again.copy).toEqual({
        updates: [update(1, 2), update(2), update(3)],
        unsaved: [update(2), update(3)],
        revision: { lineage: LINEAGE, seq: 7, branch: BRANCH },
        lineage: LINEAGE,
        confirmed: [{ seq: 7, branch: BRANCH }],
      });
      again.saved(2);
      again.compact(update(1, 2, 3));
      const { copy } = await stage.again();
      expect(copy).toMatchObject({ updates: [update(1, 2, 3)], unsaved: [], revision: { seq: 7 } });
    });

    test("what comes after a fold was asked for is not taken for part of it", async () => {
      const stage = await opened();
      const document = await stage.document();
      document.addRemote(update(1));
      document.compact(update(1));
      document.addRemote(update(2));
      document.addLocal(update(3));
      document.saved(1);
      document.compact(update(1, 2, 3));
      document.addRemote(update(4));
      expect((await stage.again()).copy.updates).toEqual([update(1, 2, 3), update(4)]);
    });

    test("another copy takes the place of all that there was", async () => {
      const stage = await opened();
      const document = await stage.document();
      document.addRemote(update(1));
      document.addLocal(update(2));
      document.setRevision({ lineage: LINEAGE, seq: 7, branch: BRANCH }, LINEAGE);
      await document.flush();
      document.addLocal(update(3));
      document.replace({
        updates: [update(8), update(9)],
        unsaved: [update(9)],
        revision: { lineage: OTHER_LINEAGE, seq: 2, branch: BRANCH },
        lineage: OTHER_LINEAGE,
        confirmed: [{ seq: 2, branch: BRANCH }],
      });
      document.addLocal(update(10));
      const { copy } = await stage.again();
      expect(copy).toEqual({
        updates: [update(8), update(9), update(9), update(10)],
        unsaved: [update(9), update(10)],
        revision: { lineage: OTHER_LINEAGE, seq: 2, branch: BRANCH },
        lineage: OTHER_LINEAGE,
        confirmed: [{ seq: 2, branch: BRANCH }],
      });
    });

    test("an empty copy takes the place of all that there was", async () => {
      const stage = await opened();
      const document = await stage.document();
      document.addLocal(update(1));
      document.setRevision({ lineage: LINEAGE, seq: 7, branch: BRANCH }, LINEAGE);
      await document.flush();
      const empty = { updates: [], unsaved: [], revision: null, lineage: null, confirmed: [] };
      document.replace(empty);
      expect((await stage.again()).copy).toEqual(empty);
    });

    test("documents are apart, whatever their names", async () => {
      const stage = await opened();
      const names = ["a", "a/b", "ab", "\u0001", "a\u0001", "é", "😀"];
      for (const [n, document] of names.entries()) (await stage.document(document)).addLocal(update(n));
      for (const [n, document] of names.entries()) {
        expect((await stage.again(document)).copy.updates, document).toEqual([update(n)]);
      }
    });

    test.each(["", "a\0b", "\ud800"])("%j is no name", async (document) => {
      const stage = await opened();
      await expect(stage.store.open(document, nobody)).rejects.toMatchObject({ code: "INVALID_NAME" });
    });

    test("documents with unsaved edits are listed, with their number and bytes", async () => {
      const stage = await opened();
      const notes = await stage.document("notes");
      notes.addLocal(update(1, 2));
      await notes.flush();
      notes.addLocal(update(3));
      const other = await stage.document("other");
      other.addRemote(update(4));
      const saved = await stage.document("saved");
      saved.addLocal(update(5));
      await saved.flush();
      saved.saved(1);
      expect(await stage.store.pending()).toEqual([{ document: "notes", unsaved: 2, bytes: 3 }]);
      await stage.again("unrelated");
      expect(await stage.store.pending()).toEqual([{ document: "notes", unsaved: 2, bytes: 3 }]);
    });

    test("a copy is a new document, all of it unsaved, of no lineage", async () => {
      const stage = await opened();
      const document = await stage.document();
      document.addRemote(update(1));
      document.setRevision({ lineage: LINEAGE, seq: 7, branch: BRANCH }, LINEAGE);
      document.addLocal(update(2));
      await stage.store.copyTo("notes", "rescued");
      const both = [update(1), update(2)];
      const copy = await stage.document("rescued");
      expect(sorted(copy.copy.unsaved)).toEqual(both);
      expect(copy.copy).toMatchObject({ revision: null, lineage: null });
      await copy.close();
      await document.close();
      await expect(stage.store.copyTo("notes", "rescued")).rejects.toMatchObject({
        code: "OFFLINE_STORE_FAILED",
      });
      expect((await stage.again()).copy.revision).toEqual({ lineage: LINEAGE, seq: 7, branch: BRANCH });
    });

    test("a document that was removed is gone, and can begin anew", async () => {
      const stage = await opened();
      const document = await stage.document();
      document.addLocal(update(1));
      await expect(stage.store.remove("notes")).rejects.toMatchObject({ code: "OFFLINE_STORE_FAILED" });
      await document.close();
      await stage.store.remove("notes");
      await stage.store.remove("never there");
      expect(await stage.store.pending()).toEqual([]);
      const again = await stage.document();
      expect(again.copy).toEqual({ updates: [], unsaved: [], revision: null, lineage: null, confirmed: [] });
      again.addLocal(update(2));
      expect((await stage.again()).copy.updates).toEqual([update(2)]);
    });

    test("a document that is opened again while it closes has what waited", async () => {
      const stage = await opened();
      const document = await stage.document();
      document.addLocal(update(1));
      const closed = document.close();
      expect((await stage.document()).copy.unsaved).toEqual([update(1)]);
      await closed;
    });

    test("nothing can be given to a document that is closed", async () => {
      const stage = await opened();
      const document = await stage.document();
      await document.close();
      await document.close();
      expect(() => document.addLocal(update(1))).toThrow("closed");
      await stage.store.close();
      await expect(stage.document()).rejects.toMatchObject({ code: "OFFLINE_STORE_FAILED" });
    });

    test("a compaction is due when a log has grown, and not after it", async () => {
      const stage = await opened();
      const document = await stage.document();
      expect(document.compactionDueInMs).toBeNull();
      document.addRemote(new Uint8Array(100_000));
      await document.flush();
      expect(document.compactionDueInMs).toBe(0);
      document.compact(new Uint8Array(90_000));
      expect(document.compactionDueInMs).toBeNull();
      await document.flush();
      expect(document.compactionDueInMs).toBeNull();
      document.addRemote(new Uint8Array(80_000));
      await document.flush();
      expect(document.compactionDueInMs, "the snapshot is larger").toBeNull();
      document.addRemote(new Uint8Array(20_000));
      await document.flush();
      expect(document.compactionDueInMs).toBe(0);
      expect((await stage.again()).compactionDueInMs).toBe(0);
    });

    test("a day of keystrokes without a connection comes back in order", async () => {
      const stage = await opened();
      const document = await stage.document();
      const edits = Array.from({ length: 1000 }, (_, n) => update(n >> 8, n & 0xff));
      for (const edit of edits) {
        document.addLocal(edit);
        await document.flush();
      }
      expect(await stage.store.pending()).toEqual([{ document: "notes", unsaved: 1000, bytes: 2000 }]);
      const again = await stage.again();
      expect(again.copy.unsaved).toEqual(edits);
      again.saved(999);
      await again.flush();
      // Of edits that share a record, all stay unsaved until all are saved.
      expect((await stage.again()).copy.unsaved).toContainEqual(edits.at(-1));
    });
  });
}

/** By their first byte. */
export function sorted(updates: readonly Uint8Array[]): Uint8Array[] {
  return [...updates].sort((a, b) => (a[0] ?? 0) - (b[0] ?? 0));
}
