import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { standardEnvironment } from "@joinery/client";
import { expect, onTestFinished, test } from "vitest";
import { ClientWorld, Person } from "../../support/client-world.ts";
import { until } from "../../support/until.ts";

/** A device whose store is the real one, in a folder. */
class Stage {
  readonly world = new ClientWorld();
  readonly folder = mkdtempSync(join(tmpdir(), "joinery-client-"));

  constructor() {
    onTestFinished(async () => {
      await this.world.close();
      rmSync(this.folder, { recursive: true });
    });
  }

  /** The application starts on the device and opens a document. */
  open(): Person {
    const environment = this.world.environment();
    environment.openOfflineStore = standardEnvironment().openOfflineStore;
    const client = this.world.client({ environment, offline: this.folder });
    return new Person(client, client.open("notes"));
  }

  /** The disk takes its own time. */
  until(what: string, condition: () => boolean): Promise<void> {
    return until(what, async () => {
      await this.world.advance(100);
      return condition();
    });
  }
}

test("edits made offline survive on the disk, and reach the server after several starts", async () => {
  const stage = new Stage();
  stage.world.kill();
  for (const word of ["one ", "two ", "three "]) {
    const person = stage.open();
    await person.notes.whenLoaded();
    person.type(word);
    await person.leave();
  }
  const last = stage.open();
  await last.notes.whenLoaded();
  expect(last.text).toBe("one two three ");
  expect(last.notes.unsaved.count).toBe(3);
  stage.world.start();
  await stage.until("everything to be saved", () => last.notes.saved && last.notes.synced);
  const other = await stage.world.join();
  expect(other.text).toBe("one two three ");
  other.type("four");
  await stage.until("the edit to come", () => last.text === "one two three four");
  await last.leave();
  stage.world.kill();
  const again = stage.open();
  await again.notes.whenLoaded();
  expect(again.text).toBe("one two three four");
  expect(again.notes.saved).toBe(true);
});

test("edits of a document that nobody opens reach the server from the disk", async () => {
  const stage = new Stage();
  stage.world.kill();
  const person = stage.open();
  await person.notes.whenLoaded();
  person.type("kept");
  await person.leave();
  stage.world.start();
  const environment = stage.world.environment();
  environment.openOfflineStore = standardEnvironment().openOfflineStore;
  const client = stage.world.client({ environment, offline: stage.folder });
  let pending = (await client.pending()).length;
  expect(pending).toBe(1);
  await stage.until("nothing to be pending", () => {
    void client.pending().then(({ length }) => {
      pending = length;
    });
    return pending === 0;
  });
  expect((await stage.world.join()).text).toBe("kept");
});
