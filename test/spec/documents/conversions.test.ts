import { DEFAULT_LIMITS, JoineryError, type LimitName } from "@joinery/shared";
import { expect, onTestFinished, test } from "vitest";
import * as Y from "yjs";
import { Conversions } from "../../../server/src/documents/conversions.ts";
import { SecondFormat } from "../../../server/src/import/second-format.ts";

function openConversions(maxConversions = DEFAULT_LIMITS.maxConversions) {
  const hits: LimitName[] = [];
  const converter = new SecondFormat(DEFAULT_LIMITS);
  const onLimit = (limit: LimitName) => hits.push(limit);
  onTestFinished(() => converter.close());
  return { conversions: new Conversions({ converter, limits: { maxConversions }, onLimit }), hits };
}

function docOf(text: string): Y.Doc {
  const doc = new Y.Doc();
  doc.getText("text").insert(0, text);
  return doc;
}

test("several updates are converted one after the other, and one that is none hurts no other", async () => {
  const { conversions } = openConversions();
  const docs = ["one", "two", "three"].map(docOf);
  const [first, none, ...others] = await Promise.allSettled([
    conversions.convert(Y.encodeStateAsUpdateV2(docs[0] as Y.Doc)),
    conversions.convert(Uint8Array.of(1, 2, 3)),
    conversions.convert(Y.encodeStateAsUpdateV2(docs[1] as Y.Doc)),
    conversions.convert(Y.encodeStateAsUpdateV2(docs[2] as Y.Doc)),
  ]);
  expect(none).toMatchObject({ status: "rejected", reason: { code: "MALFORMED_UPDATE" } });
  const converted = [first, ...others].map((it) => (it?.status === "fulfilled" ? it.value : null));
  expect(converted).toEqual(docs.map((doc) => Y.encodeStateAsUpdate(doc)));
  // The worker is gone by now, and another one comes.
  expect(await conversions.convert(Y.encodeStateAsUpdateV2(docs[0] as Y.Doc))).toEqual(converted[0]);
});

test("who finds too many waiting is told to come back", async () => {
  const { conversions, hits } = openConversions(1);
  const update = Y.encodeStateAsUpdateV2(docOf("a"));
  const [first, second] = await Promise.allSettled([
    conversions.convert(update),
    conversions.convert(update),
  ]);
  expect(first?.status).toBe("fulfilled");
  expect(second).toMatchObject({ status: "rejected", reason: { code: "SERVER_FULL" } });
  expect(hits).toEqual(["maxConversions"]);
});

test("when it is closed nothing more is converted, and who waits is told so", async () => {
  const begun: Uint8Array[] = [];
  const { promise, reject } = Promise.withResolvers<Uint8Array>();
  // The one that is never begun does not look at it.
  promise.catch(() => undefined);
  const converter = {
    convert: (update: Uint8Array) => {
      begun.push(update);
      return promise;
    },
    close: async () => reject(new JoineryError("SERVER_DRAINING", "closed")),
  };
  const conversions = new Conversions({ converter, limits: { maxConversions: 4 }, onLimit: () => undefined });
  const both = [1, 2].map((byte) => conversions.convert(Uint8Array.of(byte)));
  const outcomes = Promise.allSettled(both);
  await conversions.close();
  for (const outcome of await outcomes) {
    expect(outcome).toMatchObject({ status: "rejected", reason: { code: "SERVER_DRAINING" } });
  }
  await expect(conversions.convert(Uint8Array.of(3))).rejects.toMatchObject({ code: "SERVER_DRAINING" });
  expect(begun.length).toBeLessThanOrEqual(1);
});
