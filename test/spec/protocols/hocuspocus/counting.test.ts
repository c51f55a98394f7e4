/**
 * Providers that count as the published ones do, while everything happens that can: whenever one of them has counted to
 * 0, all that it has is on disk, and in the end all of them have.
 */

import { JoineryError } from "@joinery/shared";
import { expect, test } from "vitest";
import * as Y from "yjs";
import { Rights } from "../../../../server/src/engine/rights.ts";
import { SeededRandom } from "../../../simulation/seeded-random.ts";
import { HocuspocusWire, providerMessages as say } from "../../../support/hocuspocus-wire.ts";
import { NativeStage } from "../../../support/native-wire.ts";

const SEEDS = 30;
const STEPS = 60;

/** What of a provider counts, and nothing else. */
class CountingProvider {
  readonly doc = new Y.Doc();
  readonly #stage: NativeStage;
  #wire: HocuspocusWire;
  unsynced = 0;
  isStalled = false;

  private constructor(stage: NativeStage, clientId: number) {
    this.#stage = stage;
    this.#wire = new HocuspocusWire(stage);
    this.doc.clientID = clientId;
    this.doc.on("update", (update: Uint8Array, origin: unknown) => {
      if (origin === this) return;
      this.unsynced++;
      this.#send(say.update("notes", update));
    });
  }

  static async open(stage: NativeStage, clientId: number): Promise<CountingProvider> {
    const provider = new CountingProvider(stage, clientId);
    await stage.settle();
    provider.#begin();
    await stage.settle();
    return provider;
  }

  #send(...messages: Uint8Array[]): void {
    for (const message of messages) this.#wire.socket.send(message);
  }

  #begin(): void {
    this.#send(say.auth("notes", ""));
    this.forceSync();
  }

  forceSync(): void {
    this.unsynced = 1;
    this.#send(say.step1("notes", Y.encodeStateVector(this.doc)));
  }

  /** The line breaks: what was on its way is lost. */
  async comeBack(): Promise<void> {
    this.#wire.connection.cut();
    this.isStalled = false;
    this.#wire = new HocuspocusWire(this.#stage);
    await this.#stage.settle();
    this.#begin();
  }

  get isCutOff(): boolean {
    return this.#wire.closed !== null;
  }

  /** Another provider of the same document takes its place. */
  recreate(): void {
    this.#send(say.close("notes"));
    this.#begin();
  }

  type(random: SeededRandom): void {
    const text = this.doc.getText("text");
    if (text.length > 3 && random.chance(0.3)) text.delete(random.upTo(text.length - 2), 1);
    else text.insert(random.upTo(text.length), random.chance(0.1) ? random.word().repeat(40) : random.word());
  }

  stall(): void {
    this.isStalled = true;
    this.#wire.connection.stall();
  }

  readAgain(): void {
    this.isStalled = false;
    this.#wire.connection.readAgain();
  }

  /** Deals with what came. @returns Whether there was anything. */
  poll(): boolean {
    const heard = this.#wire.take();
    for (const message of heard) {
      if (message.say === "step1") {
        this.#send(say.step2("notes", Y.encodeStateAsUpdate(this.doc, message.bytes)));
      } else if (message.say === "step2" || message.say === "update") {
        Y.applyUpdate(this.doc, message.bytes, this);
      } else if (message.say === "saved") {
        expect(this.unsynced).toBeGreaterThan(0);
        this.unsynced--;
      } else expect(message.say).not.toBe("denied");
    }
    return heard.length > 0;
  }

  /** How many ticks of its own the storage has not. */
  async missing(): Promise<number> {
    const { clientID } = this.doc;
    const disk = await storedDoc(this.#stage);
    return Y.getState(this.doc.store, clientID) - Y.getState(disk.store, clientID);
  }
}

async function storedDoc(stage: NativeStage): Promise<Y.Doc> {
  const stored = await stage.storage.load("notes" as never);
  const doc = new Y.Doc();
  if (stored?.snapshot) Y.applyUpdate(doc, stored.snapshot.update);
  for (const { parts } of stored?.tail ?? []) for (const { update } of parts) Y.applyUpdate(doc, update);
  return doc;
}

async function quiet(stage: NativeStage, providers: readonly CountingProvider[]): Promise<void> {
  for (let i = 0; i < 40; i++) {
    await stage.advance(50);
    for (const provider of providers) if (provider.isCutOff) await provider.comeBack();
    if (!providers.map((provider) => provider.poll()).some(Boolean)) return;
  }
}

class Play {
  readonly #random: SeededRandom;
  readonly #stage = new NativeStage({ limits: { maxBufferedBytes: 1024 } });
  #isHeld = false;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
  }

  async run(): Promise<void> {
    const stage = this.#stage;
    const providers = [await CountingProvider.open(stage, 1), await CountingProvider.open(stage, 2)];
    for (let step = 0; step < STEPS; step++) {
      const provider = this.#random.pick(providers);
      if (provider.isCutOff) await provider.comeBack();
      await this.#step(provider);
      provider.poll();
      if (this.#isHeld) continue;
      for (const each of providers) if (each.unsynced === 0) expect(await each.missing()).toBe(0);
    }
    stage.storage.release();
    stage.storage.appendErrors.length = 0;
    for (const provider of providers) provider.readAgain();
    await quiet(stage, providers);
    for (const session of stage.sessions) session.setRights(Rights.WRITER, "");
    await quiet(stage, providers);
    expect(providers.map(({ unsynced }) => unsynced)).toEqual([0, 0]);
    const text = (await storedDoc(stage)).getText("text").toString();
    expect(providers.map(({ doc }) => doc.getText("text").toString())).toEqual([text, text]);
  }

  async #step(provider: CountingProvider): Promise<void> {
    const [random, stage] = [this.#random, this.#stage];
    switch (random.upTo(12)) {
      case 0:
        if (!provider.isStalled) await this.#countAnew(provider);
        break;
      case 1:
        if (provider.isStalled) provider.readAgain();
        else provider.stall();
        break;
      case 2:
        for (const session of stage.sessions) {
          if (random.chance(0.5)) session.setRights(Rights.from(random.pick(["read", "write"] as const)), "");
        }
        break;
      case 3:
        if (this.#isHeld) stage.storage.release();
        else stage.storage.hold();
        this.#isHeld = !this.#isHeld;
        break;
      case 4:
        await stage.advance(random.upTo(200));
        break;
      case 5:
        await stage.settle();
        break;
      case 6:
        if (random.chance(0.3)) await provider.comeBack();
        break;
      case 7:
        if (random.chance(0.2))
          stage.storage.appendErrors.push(new JoineryError("STORAGE_UNAVAILABLE", "EIO"));
        break;
      default:
        provider.type(random);
    }
  }

  /** What is on its way then would be counted: nobody can keep a provider from that. */
  async #countAnew(provider: CountingProvider): Promise<void> {
    await quiet(this.#stage, [provider]);
    if (this.#random.chance(0.5)) provider.forceSync();
    else provider.recreate();
    await this.#stage.settle();
  }
}

test.each([0, 1, 2])(
  "nobody is told too much or too little, part %i",
  async (part) => {
    for (let seed = part * SEEDS; seed < (part + 1) * SEEDS; seed++) {
      try {
        await new Play(seed).run();
      } catch (thrown) {
        throw new Error(`seed ${seed}`, { cause: thrown });
      }
    }
  },
  120_000,
);
