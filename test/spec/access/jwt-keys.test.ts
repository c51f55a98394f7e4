/** Keys that somebody else publishes, on a real server on this machine. */

import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { freePort } from "../../support/free-port.ts";
import { until } from "../../support/until.ts";
import { JwtStage, type KeyPair, newKeys, refused, SECRET } from "./jwt-stage.ts";

const FRESH_MS = 10 * 60_000;
const PAUSE_MS = 30_000;
const STALE_MS = 24 * 3_600_000;

let rsa: KeyPair;
let ec: KeyPair;

beforeAll(() => {
  rsa = newKeys("RS256");
  ec = newKeys("ES256");
});

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** Publishes keys, and says how often it was asked. */
class Publisher {
  answer: Answer = (_, response) => response.end(JSON.stringify({ keys: this.keys }));
  keys: object[] = [];
  requests = 0;
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      this.requests++;
      this.answer(request, response);
    });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/keys?secret=1`;
  }

  async open(): Promise<this> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    onTestFinished(() => {
      this.#server.closeAllConnections();
      this.#server.close();
    });
    return this;
  }

  /** As a server that is down: whoever connects is cut off. */
  goDown(): void {
    this.answer = (request) => request.socket.destroy();
  }

  publish(...keys: [KeyPair, string | null][]): void {
    this.keys = keys.map(([{ publicKey }, kid]) => ({
      ...publicKey.export({ format: "jwk" }),
      use: "sig",
      ...(kid !== null && { kid }),
    }));
  }
}

async function openStage(more: object = {}): Promise<{ stage: JwtStage; publisher: Publisher }> {
  const publisher = await new Publisher().open();
  publisher.publish([rsa, "first"]);
  return { stage: new JwtStage({ jwt: { jwks: publisher.url, ...more } }), publisher };
}

const signed = (stage: JwtStage, keys: KeyPair, kid: string | null, claims: object = {}) =>
  stage.sign({ exp: stage.now + 7 * 86_400, ...claims }, keys.privateKey, {
    alg: keys === ec ? "ES256" : "RS256",
    ...(kid !== null && { kid }),
  });

test("keys are asked for when the first token comes, once for all who come then", async () => {
  const { stage, publisher } = await openStage();
  expect(publisher.requests).toBe(0);
  const tokens = await Promise.all(["a", "b", "c"].map((sub) => signed(stage, rsa, "first", { sub })));
  const admitted = await Promise.all(tokens.map((token) => stage.admit(token)));
  expect(admitted.map(({ author }) => author)).toEqual(["a", "b", "c"]);
  expect(publisher.requests).toBe(1);
  expect(stage.events).toMatchObject([{ type: "keys-fetched", keys: 1, url: publisher.url.split("?")[0] }]);
});

test("a token without the name of a key is tried with all of its kind", async () => {
  const { stage, publisher } = await openStage();
  publisher.publish([newKeys("RS256"), "other"], [ec, null], [rsa, "first"]);
  expect((await stage.admit(await signed(stage, rsa, null))).author).toBe("ann");
  expect((await stage.admit(await signed(stage, ec, "any"))).author).toBe("ann");
});

test("own keys and published ones may stand side by side; the former need no request", async () => {
  const { stage, publisher } = await openStage({ secret: SECRET });
  expect((await stage.admit(await stage.sign())).author).toBe("ann");
  expect(publisher.requests).toBe(0);
  expect((await stage.admit(await signed(stage, rsa, "first"))).author).toBe("ann");
});

test("F88 a published key never checks a secret's signature", async () => {
  const { stage, publisher } = await openStage();
  const pem = rsa.publicKey.export({ type: "spki", format: "pem" }).toString();
  const forged = await stage.sign({}, pem, { alg: "HS256", kid: "first" });
  await expect(stage.admit(forged)).rejects.toEqual(
    refused("UNAUTHENTICATED", "one of the algorithms RS256"),
  );
  expect(publisher.requests).toBe(0);
});

test("a new key is found when a token comes that has it, and the old one is forgotten with it", async () => {
  const { stage, publisher } = await openStage();
  const old = await signed(stage, rsa, "first");
  await stage.admit(old);
  publisher.publish([ec, "second"]);
  stage.clock.advance(PAUSE_MS);
  expect((await stage.admit(await signed(stage, ec, "second"))).author).toBe("ann");
  expect(publisher.requests).toBe(2);
  // What was checked with the keys of before is checked again, with those that there are.
  await expect(stage.admit(old)).rejects.toEqual(refused("UNAUTHENTICATED", "not signed with a key"));
});

test("a key that is no longer published is good no longer than the keys are fresh", async () => {
  const { stage, publisher } = await openStage();
  const token = await signed(stage, rsa, "first");
  const { recheck } = await stage.admit(token);
  publisher.publish([ec, "second"]);
  stage.clock.advance(FRESH_MS - 1);
  expect(stage.ask(token)).not.toBeInstanceOf(Promise);
  stage.clock.advance(1);
  await expect(stage.admit(token)).rejects.toEqual(refused("UNAUTHENTICATED", "not signed with a key"));
  await expect(recheck?.()).rejects.toEqual(refused("UNAUTHENTICATED"));
});

test("F88 a flood of made-up keys causes one request in each pause", async () => {
  const { stage, publisher } = await openStage();
  const flood = async (round: number) => {
    const tokens = await Promise.all(
      Array.from({ length: 50 }, (_, i) => signed(stage, ec, `made-up-${round}-${i}`)),
    );
    for (const token of [...tokens, ...tokens]) {
      await expect(stage.admit(token)).rejects.toEqual(refused("UNAUTHENTICATED", "not signed with a key"));
    }
    const all = await Promise.allSettled(tokens.map((token) => stage.admit(token)));
    expect(all.every(({ status }) => status === "rejected")).toBe(true);
  };
  await flood(1);
  expect(publisher.requests).toBe(1);
  stage.clock.advance(PAUSE_MS);
  await flood(2);
  expect(publisher.requests).toBe(2);
  expect((await stage.admit(await signed(stage, rsa, "first"))).author).toBe("ann");
});

test("F88 a flood while the keys cannot be had causes one request in each pause too", async () => {
  const { stage, publisher } = await openStage();
  publisher.goDown();
  for (let round = 1; round <= 3; round++) {
    for (let i = 0; i < 20; i++) {
      const token = await signed(stage, rsa, `k-${round}-${i}`);
      await expect(stage.admit(token)).rejects.toEqual(refused("HOOK_FAILED", "cannot be had"));
    }
    expect(publisher.requests).toBe(round);
    stage.clock.advance(PAUSE_MS);
  }
});

test("F88 a made-up key makes nobody wait for a slow server whose keys are here", async () => {
  const { stage, publisher } = await openStage();
  await stage.admit(await signed(stage, rsa, "first"));
  stage.clock.advance(PAUSE_MS);
  const held: ServerResponse[] = [];
  publisher.answer = (_, response) => held.push(response);
  const madeUp = stage.admit(await signed(stage, ec, "made-up")).catch(String);
  await until("the keys to be asked for", () => held.length === 1);
  const others = ["a", "b"].map(async (sub) => stage.admit(await signed(stage, rsa, "first", { sub })));
  expect((await Promise.all(others)).map(({ author }) => author)).toEqual(["a", "b"]);
  held[0]?.end(JSON.stringify({ keys: publisher.keys }));
  expect(await madeUp).toContain("not signed with a key");
});

test("a token that was checked is good no longer than the keys either, though they are asked for in vain", async () => {
  const { stage, publisher } = await openStage();
  const token = await signed(stage, rsa, "first");
  await stage.admit(token);
  publisher.goDown();
  stage.clock.advance(STALE_MS - 1);
  await expect(stage.admit(await signed(stage, ec, "made-up"))).rejects.toEqual(refused("HOOK_FAILED"));
  expect((await stage.admit(token)).author).toBe("ann");
  stage.clock.advance(1);
  await expect(stage.admit(token)).rejects.toEqual(refused("HOOK_FAILED"));
});

test("keys of before stay good for a day while their server is down, and are back with it", async () => {
  const { stage, publisher } = await openStage();
  await stage.admit(await signed(stage, rsa, "first"));
  publisher.goDown();
  stage.clock.advance(STALE_MS - 1);
  const token = await signed(stage, rsa, "first");
  expect((await stage.admit(token)).author).toBe("ann");
  expect(stage.events.at(-1)).toMatchObject({ type: "keys-unavailable", hasOlder: true });
  // Whether it is a new key that nobody can be asked about is not known.
  await expect(stage.admit(await signed(stage, ec, "second"))).rejects.toEqual(refused("HOOK_FAILED"));
  stage.clock.advance(PAUSE_MS);
  await expect(stage.admit(token)).rejects.toEqual(refused("HOOK_FAILED"));
  publisher.answer = (_, response) => response.end(JSON.stringify({ keys: publisher.keys }));
  stage.clock.advance(PAUSE_MS);
  expect((await stage.admit(token)).author).toBe("ann");
});

test("a server of keys that nobody listens at is told to whoever runs this one, not to clients", async () => {
  const jwks = `http://127.0.0.1:${await freePort()}/keys`;
  const stage = new JwtStage({ jwt: { jwks } });
  const error: unknown = await stage
    .admit(await signed(stage, rsa, "first"))
    .catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "HOOK_FAILED", message: expect.not.stringContaining("127.0.0.1") });
  expect((error as Error).cause).toBeInstanceOf(Error);
  expect(stage.events).toMatchObject([{ type: "keys-unavailable", hasOlder: false, url: jwks }]);
});

test.each<[string, Answer, RegExp]>([
  ["another status", (_, response) => response.writeHead(500).end("{}"), /is 500/],
  ["no JSON", (_, response) => response.end("<html>"), /not JSON/],
  ["no set", (_, response) => response.end("[]"), /must be a JWK Set/],
  ["a set without keys", (_, response) => response.end('{"keys":[]}'), /no key in it/],
  ["keys that are none", (_, response) => response.end('{"keys":[1,null,{"kty":"RSA"}]}'), /no key in it/],
  ["a secret", (_, response) => response.end('{"keys":[{"kty":"oct","k":"eA"}]}'), /private key or a secret/],
  [
    "too many keys",
    (_, response) => response.end(JSON.stringify({ keys: Array(65).fill({}) })),
    /more than 64/,
  ],
  ["a huge one", (_, response) => response.end(`{"keys":[],"x":"${"x".repeat(300_000)}"}`), /larger than/],
])("an answer that is %s is none", async (_, answer, reason) => {
  const { stage, publisher } = await openStage();
  publisher.answer = answer;
  await expect(stage.admit(await signed(stage, rsa, "first"))).rejects.toEqual(refused("HOOK_FAILED"));
  const [event] = stage.events;
  expect(event).toMatchObject({
    type: "keys-unavailable",
    error: { message: expect.stringMatching(reason) },
  });
});

test("an answer without end is cut off", async () => {
  const { stage, publisher } = await openStage();
  const closed = Promise.withResolvers<void>();
  publisher.answer = (_, response) => {
    response.once("close", closed.resolve);
    const more = () => {
      while (!response.destroyed && response.write(" ".repeat(16_384)));
    };
    response.on("drain", more);
    more();
  };
  await expect(stage.admit(await signed(stage, rsa, "first"))).rejects.toEqual(refused("HOOK_FAILED"));
  await closed.promise;
});

test("a redirect is not followed", async () => {
  const { stage, publisher } = await openStage();
  const elsewhere = await new Publisher().open();
  elsewhere.publish([ec, "theirs"]);
  publisher.answer = (_, response) => response.writeHead(302, { location: elsewhere.url }).end();
  await expect(stage.admit(await signed(stage, ec, "theirs"))).rejects.toEqual(refused("HOOK_FAILED"));
  expect(elsewhere.requests).toBe(0);
  expect(stage.events).toMatchObject([{ error: { message: expect.stringContaining("302") } }]);
});

test.each([
  ["says nothing", () => undefined],
  ["does not end", (_: IncomingMessage, response: ServerResponse) => void response.write('{"keys":[')],
])("a server that %s is given up after five seconds, and who waits is told", async (_, answer) => {
  const { stage, publisher } = await openStage();
  publisher.answer = answer;
  const asked = stage.admit(await signed(stage, rsa, "first"));
  asked.catch(() => undefined);
  await until("the request", () => publisher.requests === 1);
  stage.clock.advance(4_999);
  expect(stage.events).toEqual([]);
  stage.clock.advance(1);
  await expect(asked).rejects.toEqual(refused("HOOK_FAILED"));
  expect(stage.events).toMatchObject([{ error: { message: expect.stringContaining("5000 ms") } }]);
  expect(stage.clock.pendingTimers).toBe(0);
});

test("keys for something else than signatures are passed over", async () => {
  const { stage, publisher } = await openStage();
  publisher.publish([rsa, "first"], [ec, "second"]);
  const [first, second] = publisher.keys;
  publisher.keys = [
    { ...first, use: "enc", kid: "enc" },
    { ...first, alg: "RS512", kid: "other" },
    { ...first, key_ops: ["sign"], kid: "ops" },
    { kty: "EC", crv: "P-521", x: "eA", y: "eA", kid: "curve" },
    second as object,
  ];
  for (const kid of ["enc", "other", "ops", "curve", null]) {
    await expect(stage.admit(await signed(stage, rsa, kid))).rejects.toEqual(refused("UNAUTHENTICATED"));
  }
  expect((await stage.admit(await signed(stage, ec, "second"))).author).toBe("ann");
});
