/** Whoever may read the data folder may do everything: the key that is kept there says so. */

import { describe, expect, test } from "vitest";
import { ACTIONS } from "../../../server/src/engine/rights.ts";
import { AccessStage, OPERATOR_KEY } from "./stage.ts";

describe("the operator's key", () => {
  test("opens every door, of every document and of the server as a whole, and nobody is asked", async () => {
    const stage = new AccessStage();
    const request = { connection: stage.connection(), token: OPERATOR_KEY };
    for (const document of [stage.world.name("notes"), null]) {
      for (const action of ACTIONS) {
        expect(await stage.access.authorize(request, document, action)).toMatchObject({ author: "operator" });
      }
    }
    expect(stage.application.admitted).toEqual([]);
  });

  test("lets into documents, where its bearer is a session like any other", async () => {
    const stage = new AccessStage();
    const operator = await stage.visit(OPERATOR_KEY);
    expect(stage.access.sessions().map(({ user, rights }) => [user, rights.actions])).toEqual([
      ["operator", ACTIONS],
    ]);
    expect(stage.access.kick({ user: "operator" }, "enough")).toBe(1);
    expect(operator.closed?.code).toBe("PERMISSION_DENIED");
  });

  test("opens them also where the address, or somebody of the operator's name, is banned", async () => {
    const stage = new AccessStage();
    const connection = stage.connection("192.0.2.9");
    const request = { connection, token: OPERATOR_KEY };
    for (const target of [{ address: "192.0.2.9" }, { user: "operator" }]) {
      const { id } = await stage.access.ban(target, { reason: "spam" });
      await stage.access.authorize(request, null, "manage");
      expect((await stage.visit(OPERATOR_KEY, { connection })).refused).toBeNull();
      await stage.access.unban(id);
    }
  });

  test("is nothing but the whole of it", async () => {
    const stage = new AccessStage();
    for (const token of [OPERATOR_KEY.slice(0, -1), `${OPERATOR_KEY} `, "operator", ""]) {
      const asking = stage.access.authorize({ connection: stage.connection(), token }, null, "read");
      await expect(asking, token).rejects.toThrow();
    }
    expect(stage.application.admitted).toHaveLength(4);
  });

  test("is in nothing that is told", async () => {
    const stage = new AccessStage();
    const operator = await stage.visit(OPERATOR_KEY);
    stage.access.kick({ user: "operator" }, "enough");
    await stage.access.revoke({ token: OPERATOR_KEY });
    const again = await stage.visit(OPERATOR_KEY);
    expect(again.refused?.code).toBe("UNAUTHENTICATED");
    const told = JSON.stringify([stage.events, operator.closed?.message, again.refused?.message]);
    expect(told).not.toContain(OPERATOR_KEY);
  });
});
