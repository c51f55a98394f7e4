import { DEFAULT_LIMITS } from "@joinery/shared";
import * as encoding from "lib0/encoding";
import { expect, onTestFinished, test } from "vitest";
import * as Y from "yjs";
import { SecondFormat } from "../../../server/src/import/second-format.ts";
import { stateOf, written } from "./stage.ts";

/** An update of a few bytes that says, run-length encoded, that it has this many structs. */
function bomb(structs: number): Uint8Array {
  const empty = Uint8Array.of(0);
  const encoder = encoding.createEncoder();
  encoding.writeUint8(encoder, 0);
  const client = new encoding.UintOptRleEncoder();
  client.write(1);
  const info = new encoding.RleEncoder(encoding.writeUint8);
  info.write(0); // Collected structs, all alike.
  const strings = new encoding.StringEncoder().toUint8Array();
  const columns = [
    empty.subarray(1), // key clocks
    client.toUint8Array(),
    empty.subarray(1), // left clocks
    empty.subarray(1), // right clocks
    encoding.toUint8Array(info),
    strings,
    empty.subarray(1), // parents
    empty.subarray(1), // types
    repeated(1, structs),
  ];
  for (const column of columns) encoding.writeVarUint8Array(encoder, column);
  for (const value of [1, structs, 0, 0]) encoding.writeVarUint(encoder, value);
  return encoding.toUint8Array(encoder);
}

/** A column with the same number many times. */
function repeated(value: number, times: number): Uint8Array {
  const encoder = encoding.createEncoder();
  encoding.writeVarInt(encoder, -value);
  encoding.writeVarUint(encoder, times - 2);
  return encoding.toUint8Array(encoder);
}

test("an update in the second format says the same in the first, one after the other", async () => {
  const secondFormat = new SecondFormat(DEFAULT_LIMITS);
  onTestFinished(() => secondFormat.close());
  for (const text of ["one", "two", "three"]) {
    const doc = written(text, 1);
    expect(await secondFormat.convert(Y.encodeStateAsUpdateV2(doc))).toEqual(stateOf(doc));
  }
});

test("one that is no update is refused, and the next one converted", async () => {
  const secondFormat = new SecondFormat(DEFAULT_LIMITS);
  onTestFinished(() => secondFormat.close());
  for (const bytes of [new Uint8Array(0), Uint8Array.of(0, 9), new TextEncoder().encode("{}")]) {
    await expect(secondFormat.convert(bytes)).rejects.toMatchObject({ code: "MALFORMED_UPDATE" });
  }
  expect(await secondFormat.convert(Y.encodeStateAsUpdateV2(new Y.Doc()))).toEqual(Uint8Array.of(0, 0));
});

test("one of a few bytes that never ends takes its worker along, and nobody else", async () => {
  const patient = new SecondFormat(DEFAULT_LIMITS);
  onTestFinished(() => patient.close());
  expect((await patient.convert(bomb(100))).length).toBeGreaterThan(200);
  const hasty = new SecondFormat(DEFAULT_LIMITS, 500);
  onTestFinished(() => hasty.close());
  const hostile = bomb(2 ** 50);
  expect(hostile.length).toBeLessThan(50);
  await expect(hasty.convert(hostile)).rejects.toMatchObject({ code: "UPDATE_TOO_COSTLY" });
});

test("what is being converted when nobody wants it any more rejects at once", async () => {
  const secondFormat = new SecondFormat(DEFAULT_LIMITS);
  const converting = secondFormat.convert(Y.encodeStateAsUpdateV2(written("a", 1)));
  const refused = expect(converting).rejects.toMatchObject({ code: "SERVER_DRAINING" });
  // Its worker takes longer than this to start.
  await secondFormat.close();
  await refused;
});
