/** Looking at tokens that are not good costs, and anybody can send them. */

import { JoineryError } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import { AccessStage } from "./stage.ts";

const TOO_MANY = { code: "TOO_MANY_CONNECTIONS", limit: "maxAddressRefusedTokensPerSecond" };

/** With four bad tokens saved up, and one a second. */
function opened() {
  const stage = new AccessStage({ limits: { maxAddressRefusedTokensPerSecond: 1, maxBurstMs: 4_000 } });
  stage.application.failure = new JoineryError("UNAUTHENTICATED", "it is not good");
  return stage;
}

describe("N6 an address that shows many tokens that are not good", () => {
  test("is not asked about any more, until it has waited", async () => {
    const stage = opened();
    for (let i = 0; i < 4; i++) expect((await stage.visit(`bad ${i}`)).refused?.code).toBe("UNAUTHENTICATED");
    const asked = stage.application.admitted.length;
    for (let i = 0; i < 10; i++) expect((await stage.visit(`bad ${i}`)).refused).toMatchObject(TOO_MANY);
    expect(stage.application.admitted).toHaveLength(asked);
    expect(stage.hits).toContain("maxAddressRefusedTokensPerSecond");
    await stage.advance(1_000);
    expect((await stage.visit("bad")).refused?.code).toBe("UNAUTHENTICATED");
    expect((await stage.visit("bad")).refused).toMatchObject(TOO_MANY);
  });

  test("is not asked about over HTTP and by new tokens of sessions either, and all of these count", async () => {
    const stage = opened();
    stage.application.failure = null;
    const visitors = await Promise.all([1, 2, 3].map(() => stage.visit(stage.token("t1", "ann"))));
    stage.application.failure = new JoineryError("UNAUTHENTICATED", "it is not good");
    const door = () =>
      stage.access.authorize(
        { connection: stage.connection(), token: "bad" },
        stage.world.name("notes"),
        "read",
      );
    for (let i = 0; i < 2; i++) await expect(door()).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
    for (const ann of visitors.slice(0, 2)) {
      ann.show("bad");
      await stage.settle();
      expect(ann.closed?.code).toBe("UNAUTHENTICATED");
    }
    await expect(door()).rejects.toMatchObject(TOO_MANY);
    visitors[2]?.show("bad");
    await stage.settle();
    expect(visitors[2]?.closed).toMatchObject(TOO_MANY);
  });

  test("keeps nobody else out, nor who shows none, nor counts what was good", async () => {
    const stage = opened();
    for (let i = 0; i < 5; i++) await stage.visit("bad");
    stage.application.failure = null;
    stage.token("", "", "read");
    expect((await stage.visit(null)).isIn).toBe(true);
    const elsewhere = { connection: stage.connection("192.0.2.2") };
    for (let i = 0; i < 10; i++) {
      expect((await stage.visit(stage.token("t1", "ann"), elsewhere)).isIn).toBe(true);
    }
  });
});
