import { expect, test } from "vitest";
import { Rights } from "../../../server/src/engine/rights.ts";
import { TokenRenewal } from "../../../server/src/protocols/token-renewal.ts";
import { World } from "../../support/world.ts";

async function renewed(before: Rights, meanwhile: (set: (rights: Rights) => void) => void): Promise<Rights> {
  const world = new World();
  const { session } = await world.join("notes");
  session.setRights(before, "at first");
  const admission = {
    author: "ann",
    rights: before,
    renew: async () => {
      meanwhile((rights) => session.setRights(rights, "meanwhile"));
      return { rights: Rights.WRITER };
    },
  };
  new TokenRenewal(session, admission).give("token");
  await world.settle();
  return session.rights;
}

test("a token that was replaced gives what it is good for", async () => {
  expect(await renewed(Rights.READER, () => undefined)).toBe(Rights.WRITER);
});

test.each([
  ["a reader", Rights.READER],
  ["a writer", Rights.WRITER],
])("F85 a token of %s gives nothing back that was taken since it was looked at", async (_, before) => {
  const rights = await renewed(before, (set) => {
    // As whoever looks at tokens tells it.
    if (before !== Rights.WRITER) set(Rights.WRITER);
    queueMicrotask(() => set(Rights.READER));
  });
  expect(rights).toBe(Rights.READER);
});
