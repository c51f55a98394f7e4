import { JoineryError } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import {
  type HocuspocusOptions,
  hocuspocusExtensions,
} from "../../../../server/src/extensions/hocuspocus/index.ts";
import { Stage } from "./stage.ts";

describe("what extensions are made with", () => {
  test.each<[unknown, unknown, RegExp]>([
    [[], { port: 80 }, /no option "port"/],
    [[], { debounce: -1 }, /"debounce" is -1/],
    [[], { onChange: "log" }, /hook "onChange" is log/],
    [[null], {}, /extension 1 is null/],
    [{}, {}, /must be a list/],
  ])("is refused if it is %j and %j", (extensions, options, message) => {
    const make = () => hocuspocusExtensions(extensions as [], options as HocuspocusOptions);
    expect(make).toThrow(message);
    expect(make).toThrow(JoineryError);
  });

  test("is what they are given of it", async () => {
    const seen: unknown[] = [];
    const low = { priority: 1 };
    const onConfigure = ({ configuration, version }: { configuration: object; version: string }) =>
      void seen.push(configuration, version);
    const stage = await Stage.with([low, { onConfigure }], { configuration: { name: "test", debounce: 7 } });
    expect(seen[0]).toMatchObject({
      name: "test",
      debounce: 7,
      maxDebounce: 10_000,
      unloadImmediately: true,
    });
    expect(seen[1]).toMatch(/^4\./);
    expect((seen[0] as { extensions: unknown[] }).extensions[1]).toBe(low);
    expect(stage.instance.configuration).toBe(seen[0]);
  });
});

describe("an instance", () => {
  test("calls hooks for extensions that have hooks of each other", async () => {
    const heard: unknown[] = [];
    const stage = await Stage.with([
      { onStateless: ({ payload }: { payload: string }) => void heard.push(payload) },
    ]);
    await stage.instance.hooks("onStateless", { payload: "hello" });
    expect(heard).toEqual(["hello"]);
    await expect(stage.instance.hooks("onNothing", {})).rejects.toThrow("there is no hook onNothing");
  });

  test("stores at once what waits", async () => {
    const stored: string[] = [];
    const onStoreDocument = ({ documentName }: { documentName: string }) => void stored.push(documentName);
    const stage = await Stage.with([{ onStoreDocument }]);
    for (const name of ["one", "two", "three"]) (await stage.join(name)).type("a");
    await stage.settle();
    expect(await stage.instance.storeDocumentHooks({ name: "two" })).toBe(true);
    stage.instance.flushPendingStores();
    await stage.settle();
    expect(stored).toEqual(["two", "one", "three"]);
  });
});
