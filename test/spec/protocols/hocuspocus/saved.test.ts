/** Whether a provider can be told that something is saved which is not, and whether it ever stops waiting. */

import { describe, expect, test } from "vitest";
import { mergeUpdates } from "yjs";
import type { Guard, SessionInput } from "../../../../server/src/engine/guard.ts";
import { type Permission, Rights } from "../../../../server/src/engine/rights.ts";
import type { Session } from "../../../../server/src/engine/session.ts";
import { type Admissions, ANONYMOUS } from "../../../../server/src/protocols/admission.ts";
import { HocuspocusWire, joinedBy, providerMessages as say } from "../../../support/hocuspocus-wire.ts";
import { NativeStage, Typist } from "../../../support/native-wire.ts";

/** Lets everybody in as readers; another token is what they may do from then on. */
const BY_TOKEN: Admissions = {
  admit: () => ({
    ...ANONYMOUS,
    rights: Rights.READER,
    renew: async (token) => ({ rights: Rights.from(token as Permission) }),
  }),
  needsToken: false,
  isAuthenticating: false,
};

const saved = (said: readonly string[]): number => said.filter((what) => what === "saved").length;

describe("an edit that was refused", () => {
  test("while the client lags is never answered as saved, nor is what comes after it", async () => {
    const stage = new NativeStage({ limits: { maxBufferedBytes: 1024 } });
    const wire = await joinedBy(stage, "notes", { ...BY_TOKEN, admit: () => ANONYMOUS });
    const [session] = stage.sessions;
    const other = await joinedBy(stage);
    wire.connection.stall();
    await other.send(say.update("notes", new Typist(6).type("x".repeat(2_000))));
    expect(stage.eventsOf("session-lagging")).toHaveLength(1);
    await wire.send(say.update("notes", new Typist(7).type("before")));
    session?.setRights(Rights.READER, "for a moment");
    await wire.send(say.update("notes", new Typist(8).type("refused")));
    session?.setRights(Rights.WRITER, "again");
    await wire.send(say.update("notes", new Typist(9).type("accepted")));
    wire.connection.readAgain();
    await stage.settle();
    const said = wire.takeSaid();
    expect(saved(said)).toBe(1);
    // What was refused may be had now.
    expect(said).toContain("step1");
  });

  test("is saved after all, with what came after it, once the client may write and has been asked", async () => {
    const stage = new NativeStage();
    const wire = await joinedBy(stage, "notes", BY_TOKEN);
    const ann = new Typist(7);
    const edits = [ann.type("a"), ann.type("b")];
    for (const edit of edits) await wire.send(say.update("notes", edit));
    expect(wire.takeSaid()).toEqual(["unsaved", "unsaved"]);
    await wire.send(say.auth("notes", "write"));
    expect(wire.takeSaid()).toEqual(["authenticated read-write", "step1"]);
    edits.push(ann.type("c"));
    await wire.send(say.update("notes", edits[2] as Uint8Array), say.step2("notes", mergeUpdates(edits)));
    expect(saved(wire.takeSaid())).toBe(3);
    await wire.send(say.update("notes", ann.type("d")));
    expect(wire.takeSaid()).toEqual(["saved"]);
  });

  test("that was written offline is saved after all, too, and counted once", async () => {
    const stage = new NativeStage();
    const wire = new HocuspocusWire(stage, BY_TOKEN);
    const offline = new Typist(7).type("a");
    await wire.send(say.auth("notes", ""), say.step1("notes"), say.step2("notes", offline));
    expect(wire.takeSaid()).toEqual(["authenticated readonly", "step1", "step2", "unsaved"]);
    await wire.send(say.auth("notes", "write"));
    expect(wire.takeSaid()).toEqual(["authenticated read-write", "step1"]);
    await wire.send(say.step2("notes", offline));
    expect(wire.takeSaid()).toEqual(["saved"]);
  });

  test("because the document is full leaves nothing saved that comes after it, and is refused again", async () => {
    const stage = new NativeStage({ limits: { maxDocumentBytes: 1024 } });
    const wire = await joinedBy(stage);
    const ann = new Typist(7);
    const edits = [ann.type("x".repeat(1_500))];
    await wire.send(say.update("notes", edits[0] as Uint8Array));
    expect(wire.takeSaid()).toEqual(["saved"]);
    ann.doc.on("update", (edit: Uint8Array) => edits.push(edit));
    ann.type("one too many");
    ann.doc.getText("text").delete(0, 500);
    await wire.send(...edits.slice(1).map((edit) => say.update("notes", edit)));
    const said = wire.takeSaid();
    expect(said).toContain("unsaved");
    expect(saved(said)).toBe(0);
    await wire.send(say.step1("notes"));
    wire.take();
    await wire.send(say.step2("notes", mergeUpdates(edits)));
    expect(wire.takeSaid()).toEqual(["unsaved"]);
  });
});

test("an edit from before a provider's first question is not answered: it counts from 1 when it asks", async () => {
  const stage = new NativeStage();
  const edit = new Typist(7).type("a");
  const other = await joinedBy(stage);
  await other.send(say.update("notes", edit));
  const wire = new HocuspocusWire(stage);
  await wire.send(say.auth("notes", ""), say.update("notes", edit));
  expect(saved(wire.takeSaid())).toBe(0);
  await wire.send(say.step1("notes"), say.step2("notes", edit));
  expect(saved(wire.takeSaid())).toBe(1);
});

test("an answer that the application refused can be given again", async () => {
  const verdicts: (Promise<null> | null)[] = [];
  const guard = {
    before: (_: unknown, { kind }: SessionInput) => (kind === "update" ? (verdicts.shift() ?? null) : null),
    after: () => undefined,
  };
  const stage = new NativeStage({ observer: { guard: guard as Guard<Session> } });
  const wire = new HocuspocusWire(stage);
  const edit = new Typist(7).type("a");
  verdicts.push(Promise.resolve(null));
  await wire.send(say.auth("notes", ""), say.step1("notes"), say.step2("notes", edit));
  expect(wire.takeSaid().at(-1)).toBe("unsaved");
  await wire.send(say.step1("notes"));
  expect(wire.takeSaid()).toContain("step1");
  await wire.send(say.step2("notes", edit));
  expect(wire.takeSaid()).toEqual(["update", "saved"]);
});
