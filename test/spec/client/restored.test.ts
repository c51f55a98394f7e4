/** Devices that come back to a server that was restored to an earlier state, with what they had written down. */

import type { LineageChoice } from "@joinery/client";
import { describe, expect, onTestFinished, test } from "vitest";
import { openLevelStore } from "../../../client/src/offline/level-store.ts";
import { ClientWorld, Person } from "../../support/client-world.ts";
import { MemoryRows } from "../../support/offline-databases.ts";
import { until } from "../../support/until.ts";

/** A device with a store of its own, on which several tabs may be open. */
class Stage {
  readonly world = new ClientWorld();
  readonly #rows = new MemoryRows();

  constructor() {
    onTestFinished(() => this.world.close());
  }

  /** The application starts in a tab. */
  tab(onLineage?: () => LineageChoice): Tab {
    const environment = this.world.environment();
    environment.chance = 0.1;
    let isAlive = true;
    environment.openOfflineStore = (name) =>
      openLevelStore(name, {
        clock: this.world.clock,
        openDatabase: async (folder) => {
          const database = await this.#rows.open(folder);
          const batch: typeof database.batch = async (operations, options) => {
            if (isAlive) await database.batch(operations, options);
          };
          return { ...database, batch };
        },
      });
    const client = this.world.client({ environment, offline: "documents" });
    const die = () => {
      isAlive = false;
      client.disconnect();
    };
    return new Tab(new Person(client, client.open("notes", onLineage && { onLineage })), die);
  }

  /** @param writes Of the disk that the server is given back; all when it is not restored. */
  async restart(writes: number = this.world.disk.writes): Promise<void> {
    this.world.kill();
    await this.world.settle();
    this.world.disk = await this.world.disk.copyOf(writes);
    this.world.start();
    await this.world.advance(5_000);
  }
}

class Tab {
  readonly person: Person;
  /** The tab is gone: it writes nothing any more. */
  readonly die: () => void;

  constructor(person: Person, die: () => void) {
    this.person = person;
    this.die = die;
  }
}

/** Ben types a word that is saved. */
async function saved(stage: Stage, ben: Person, word: string): Promise<void> {
  ben.type(word);
  await stage.world.settle();
  expect(ben.notes.saved).toBe(true);
}

/** What to do about a conflict was chosen, by code that is loaded when it is needed. */
async function chosen(stage: Stage, { notes }: Person): Promise<void> {
  await until("the conflict to be over", async () => {
    await stage.world.advance(1_000);
    return notes.conflict === null && notes.synced && notes.saved;
  });
}

describe("a copy whose program ended before the last batch was durable", () => {
  const cutOff = async () => {
    const stage = new Stage();
    const ben = await stage.world.join();
    await saved(stage, ben, "one ");
    const { writes } = stage.world.disk;
    const { person: ann, die } = stage.tab();
    await stage.world.settle();
    await saved(stage, ben, "two ");
    stage.world.disk.hold();
    ben.type("three ");
    await stage.world.settle();
    expect(ann.text).toBe("one two three ");
    die();
    ben.client.disconnect();
    return { stage, writes };
  };

  test("[L10] is refused by a server that was restored to before what it knew to be durable", async () => {
    const { stage, writes } = await cutOff();
    await stage.restart(writes);
    const { person: ann } = stage.tab();
    await stage.world.advance(5_000);
    expect(ann.text).toBe("one two three ");
    expect(ann.notes.status).toMatchObject({ kind: "refused", code: "LINEAGE_CHANGED" });
    expect(ann.notes.conflict).not.toBeNull();
    expect((await stage.world.join()).text).toBe("one ");
  });

  test("[L10] is refused when the server has gone on since", async () => {
    const { stage, writes } = await cutOff();
    await stage.restart(writes);
    const cid = await stage.world.join();
    for (const word of ["four ", "five ", "six "]) await saved(stage, cid, word);
    const { person: ann } = stage.tab();
    await stage.world.advance(5_000);
    expect(ann.notes.status.code).toBe("LINEAGE_CHANGED");
    expect(cid.text).toBe("one four five six ");
  });

  test("[L10] gives back what the server has lost of what was not durable", async () => {
    const { stage } = await cutOff();
    await stage.restart();
    const { person: ann } = stage.tab();
    await stage.world.advance(5_000);
    expect(ann.notes.getSnapshot()).toMatchObject({ saved: true, synced: true, conflict: null });
    expect((await stage.world.join()).text).toBe("one two three ");
  });

  test("[L10] is recognised still after it was folded", async () => {
    const { stage, writes } = await cutOff();
    stage.world.kill();
    const { person: again, die } = stage.tab();
    await again.notes.whenLoaded();
    for (let i = 0; i < 600; i++) {
      again.type(".");
      await stage.world.settle();
    }
    await stage.world.advance(5_000);
    die();
    await stage.restart(writes);
    const { person: ann } = stage.tab();
    await stage.world.advance(5_000);
    expect(ann.notes.status.code).toBe("LINEAGE_CHANGED");
  });
});

describe("a copy that one tab discarded after the server was restored", () => {
  test("[L10] is not merged with what another tab had written before", async () => {
    const stage = new Stage();
    const ben = await stage.world.join();
    await saved(stage, ben, "one ");
    const { writes } = stage.world.disk;
    const first = stage.tab(() => "discard");
    await stage.world.settle();
    const second = stage.tab();
    await stage.world.settle();
    await saved(stage, ben, "two ");
    await stage.world.settle();
    expect(second.person.text).toBe("one two ");
    second.die();
    ben.client.disconnect();
    await stage.restart(writes);
    await chosen(stage, first.person);
    expect(first.person.notes.getSnapshot()).toMatchObject({ saved: true, synced: true, conflict: null });
    expect(first.person.text).toBe("one ");
    await saved(stage, first.person, "three ");
    await stage.world.settle();
    first.die();
    const again = stage.tab();
    await stage.world.advance(5_000);
    expect(again.person.notes.status.code).toBe("LINEAGE_CHANGED");
    expect((await stage.world.join()).text).toBe("one three ");
    await again.person.notes.resolve("discard");
    await stage.world.advance(5_000);
    expect(again.person.notes.getSnapshot()).toMatchObject({ saved: true, synced: true, conflict: null });
    again.die();
    const last = stage.tab();
    await stage.world.advance(5_000);
    expect(last.person.notes.getSnapshot()).toMatchObject({ saved: true, synced: true, conflict: null });
    expect(last.person.text).toBe("one three ");
  });

  test("[L10] nor with unsaved edits that another tab has made of it", async () => {
    const stage = new Stage();
    const ben = await stage.world.join();
    await saved(stage, ben, "one ");
    const { writes } = stage.world.disk;
    const first = stage.tab(() => "discard");
    await stage.world.settle();
    await saved(stage, ben, "two ");
    await stage.world.advance(100);
    stage.world.kill();
    const second = stage.tab();
    await second.person.notes.whenLoaded();
    second.person.type("mine ");
    await stage.world.settle();
    second.die();
    ben.client.disconnect();
    await stage.restart(writes);
    await chosen(stage, first.person);
    expect(first.person.text).toBe("one ");
    first.die();
    const again = stage.tab();
    await stage.world.advance(5_000);
    expect(again.person.notes.status.code).toBe("LINEAGE_CHANGED");
    expect(again.person.notes.unsaved.count).toBe(1);
    expect((await stage.world.join()).text).toBe("one ");
  });
});
