import { JoineryError } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import { FaultyStorage } from "../../support/world.ts";
import { Held, HookStage, TIMEOUT_MS, textOf, typed } from "./hooks-stage.ts";

type Loading = Held<{ readonly document: string }, Uint8Array | null>;

function loading(storage?: FaultyStorage): { held: Loading; stage: HookStage } {
  const held: Loading = new Held();
  return { held, stage: new HookStage({ hooks: { load: held.hook }, ...(storage && { storage }) }) };
}

describe("load", () => {
  test("fills a document that is new, before anybody sees it, for all who come meanwhile", async () => {
    const { held, stage } = loading();
    const ann = await stage.join("notes");
    const ben = await stage.join("notes");
    expect(ann.session.state).toBe("joining");
    held.end(typed("from elsewhere"));
    await stage.settle();
    expect([ann.text, ben.text]).toEqual(["from elsewhere", "from elsewhere"]);
    expect(held.calls).toEqual([{ document: "notes" }]);
    expect(await stage.world.storedText("notes")).toBe("from elsewhere");
  });

  test("is shown to nobody before it is durable, and after a crash before that asked again", async () => {
    const storage = new FaultyStorage();
    const { held, stage } = loading(storage);
    const ann = await stage.join("notes");
    storage.hold();
    held.end(typed("first version"));
    await stage.settle();
    expect(ann.frames).toEqual([]);
    // The process dies here: the storage has nothing.
    const crashed = new FaultyStorage();
    const { held: again, stage: next } = loading(crashed);
    const ben = await next.join("notes");
    again.end(typed("second version"));
    await next.settle();
    expect(ben.text).toBe("second version");
  });

  test("is called once in a document's life", async () => {
    const storage = new FaultyStorage();
    const { held, stage } = loading(storage);
    await stage.join("notes");
    held.end(typed("x"));
    await stage.settle();
    const { held: later, stage: next } = loading(storage);
    const ben = await next.join("notes");
    expect(ben.text).toBe("x");
    expect(later.calls).toEqual([]);
  });

  test("that finds nothing leaves the document empty, and is asked again while it is", async () => {
    const storage = new FaultyStorage();
    const { held, stage } = loading(storage);
    const ann = await stage.join("notes");
    held.end(null);
    await stage.settle();
    expect([ann.session.state, ann.text]).toEqual(["live", ""]);
    ann.vanish();
    await stage.advance(30_000);
    const ben = await stage.join("notes");
    held.end(null);
    await stage.settle();
    ben.type("begun");
    await stage.settle();
    ben.vanish();
    await stage.advance(30_000);
    await stage.join("notes");
    expect(held.calls).toHaveLength(2);
  });

  test.each([
    ["fails", (held: Loading) => held.fail(new Error("no such host")), "hook-failed load notes no such host"],
    [
      "gives what is no update",
      (held: Loading) => held.end(Uint8Array.of(1, 2, 3)),
      "hook-failed load notes update: ",
    ],
    [
      "gives something else",
      (held: Loading) => held.end("a text" as never),
      "hook-failed load notes load returned something that is no Uint8Array",
    ],
  ])("that %s sends those who wait away to come back, and is asked again", async (_what, end, trouble) => {
    const { held, stage } = loading();
    const ann = await stage.join("notes");
    end(held);
    await stage.settle();
    expect(ann.closed).toMatchObject({ code: "HOOK_FAILED", row: { retry: "backoff" } });
    expect(stage.troubles[0]).toContain(trouble);
    const ben = await stage.join("notes");
    held.end(typed("at last"));
    await stage.settle();
    expect(ben.text).toBe("at last");
  });

  test("that hangs is given up, and no other document waits for it", async () => {
    const { held, stage } = loading();
    const ann = await stage.join("notes");
    const ben = await stage.join("other");
    held.end(typed("there"));
    await stage.settle();
    expect(ben.text).toBe("there");
    await stage.advance(TIMEOUT_MS);
    expect(ann.closed?.code).toBe("HOOK_FAILED");
    // What it says after all is nobody's any more.
    held.end(typed("late"), 0);
    await stage.settle();
    expect(await stage.world.storedText("notes")).toBe("");
  });

  test("that throws an error of the table refuses with that", async () => {
    const { held, stage } = loading();
    const ann = await stage.join("notes");
    held.fail(new JoineryError("PERMISSION_DENIED", "this one is closed"));
    await stage.settle();
    expect(ann.closed?.message).toBe("this one is closed");
  });

  test("is not asked about a document that is damaged", async () => {
    const storage = new FaultyStorage();
    const first = new HookStage({ hooks: {}, storage });
    (await first.join("notes")).type("sound");
    await first.settle();
    const load = storage.load.bind(storage);
    storage.load = async (document) => {
      const stored = await load(document);
      return stored && { ...stored, tail: [], damage: new JoineryError("DOCUMENT_DAMAGED", "all of it") };
    };
    const { held, stage } = loading(storage);
    await stage.join("notes");
    expect(held.calls).toEqual([]);
  });

  test("gives what the others are told is written by nobody in particular", async () => {
    const changes: unknown[] = [];
    const stage = new HookStage({
      hooks: {
        load: () => typed("imported"),
        change: ({ seq, authors, update }) => {
          changes.push([seq, authors, textOf(update)]);
        },
      },
    });
    await stage.join("notes", "ann");
    expect(changes).toEqual([[1, [""], "imported"]]);
  });
});
