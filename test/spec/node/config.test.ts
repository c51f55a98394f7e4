import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { JoineryError } from "@joinery/shared";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  CONFIG_FILES,
  configFromEnvironment,
  defineConfig,
  loadConfig,
  mergeConfig,
  parseLevel,
  parsePort,
  readKeyFile,
} from "../../../server/src/node/config.ts";

const invalid =
  (...parts: (string | RegExp)[]) =>
  (error: unknown) => {
    expect(error).toBeInstanceOf(JoineryError);
    expect(error).toMatchObject({ code: "INVALID_OPTION" });
    for (const part of parts) expect((error as JoineryError).message).toMatch(part);
    return true;
  };

describe("a port", () => {
  test.each([
    ["0", 0],
    ["80", 80],
    ["65535", 65_535],
  ])("may be %s", (text, port) => {
    expect(parsePort(text, "--port")).toBe(port);
  });

  test.each(["", "65536", "-1", "80.5", "8e3", "0x50", " 80", "80 ", "http", "١٢٣", "99999999999999999999"])(
    "may not be %j",
    (text) => {
      expect(() => parsePort(text, "--port")).toThrow(
        expect.toSatisfy(invalid("--port", `"${text}"`, "from 0 to 65535")),
      );
    },
  );
});

describe("the environment", () => {
  test("gives host, port and data folder", () => {
    const environment = { JOINERY_HOST: "::1", JOINERY_PORT: "8080", JOINERY_DATA: "/srv", PATH: "/bin" };
    expect(configFromEnvironment(environment)).toEqual({ host: "::1", port: 8080, data: "/srv" });
  });

  test("gives origins, with commas or spaces between them, and the number of proxies", () => {
    const environment = {
      JOINERY_ORIGINS: " https://a.example, https://b.example\nnull ",
      JOINERY_TRUST_PROXY: "2",
    };
    expect(configFromEnvironment(environment)).toEqual({
      origins: ["https://a.example", "https://b.example", "null"],
      trustProxy: 2,
    });
    expect(configFromEnvironment({ JOINERY_ORIGINS: " ", JOINERY_TRUST_PROXY: "" })).toEqual({});
    expect(configFromEnvironment({ JOINERY_TRUST_PROXY: "0" })).toEqual({ trustProxy: 0 });
  });

  test.each(["-1", "many", "1.5", "100", " 1"])("is refused when its number of proxies is %j", (text) => {
    expect(() => configFromEnvironment({ JOINERY_TRUST_PROXY: text })).toThrow(
      expect.toSatisfy(invalid("JOINERY_TRUST_PROXY", `"${text}"`)),
    );
  });

  test("gives what tokens have to be, and what is allowed without one", () => {
    const environment = {
      JOINERY_JWT_SECRET: "a secret",
      JOINERY_JWKS: "https://a.example/keys",
      JOINERY_JWT_ISSUER: "https://a.example",
      JOINERY_JWT_AUDIENCE: "joinery",
      JOINERY_ANONYMOUS: "read",
    };
    expect(configFromEnvironment(environment)).toEqual({
      access: {
        jwt: {
          secret: "a secret",
          jwks: "https://a.example/keys",
          issuer: "https://a.example",
          audience: "joinery",
        },
        anonymous: "read",
      },
    });
    const empty = Object.fromEntries(Object.keys(environment).map((name) => [name, ""]));
    expect(configFromEnvironment(empty)).toEqual({});
    expect(configFromEnvironment({ JOINERY_ANONYMOUS: "none" })).toEqual({ access: { anonymous: "none" } });
  });

  test.each(["some", "constructor", "NONE"])("is refused when what is allowed is %j", (text) => {
    expect(() => configFromEnvironment({ JOINERY_ANONYMOUS: text })).toThrow(
      expect.toSatisfy(invalid("JOINERY_ANONYMOUS", `"${text}"`)),
    );
    expect(() => parseLevel(text, "--anonymous")).toThrow(expect.toSatisfy(invalid("--anonymous")));
  });

  test("gives nothing where it has nothing or an empty variable, so that defaults and files stand", () => {
    expect(configFromEnvironment({})).toEqual({});
    const empty = configFromEnvironment({ JOINERY_HOST: "", JOINERY_PORT: "", JOINERY_DATA: undefined });
    expect(Object.keys(empty)).toEqual([]);
    expect({ port: 1, host: "localhost", ...empty }).toEqual({ port: 1, host: "localhost" });
  });

  test("gives port 0", () => {
    expect(configFromEnvironment({ JOINERY_PORT: "0" })).toEqual({ port: 0 });
  });

  test("is refused when its port is none, by the variable's name", () => {
    expect(() => configFromEnvironment({ JOINERY_PORT: "many" })).toThrow(
      expect.toSatisfy(invalid("JOINERY_PORT", '"many"', "from 0 to 65535")),
    );
  });
});

describe("a config file", () => {
  let folder = "";

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "joinery-config-"));
  });

  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  const write = async (name: string, content: string): Promise<string> => {
    const file = join(folder, name);
    await writeFile(file, content);
    return file;
  };

  test("may be TypeScript", async () => {
    const content = 'const port: number = 8080;\nexport default { port, data: "/srv" } satisfies object;\n';
    expect(await loadConfig(await write("server.ts", content))).toEqual({ port: 8080, data: "/srv" });
  });

  test("may be JavaScript, named relative to the working folder", async () => {
    const file = await write("server.mjs", "export default { port: 1 };\n");
    expect(await loadConfig(relative(process.cwd(), file))).toEqual({ port: 1 });
  });

  test("may have a path that a URL writes otherwise", async () => {
    expect(await loadConfig(await write("a file %41 ü.mjs", "export default { port: 2 };\n"))).toEqual({
      port: 2,
    });
  });

  test("with a key may have a secret, with or without a line break, PEM, a JWK or a JWK Set", async () => {
    const pem = "-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----\n";
    const jwk = { kty: "OKP", crv: "Ed25519", x: "eA" };
    for (const [content, options] of [
      ["a secret", { secret: "a secret" }],
      [" a secret \n", { secret: " a secret " }],
      ["a secret\r\n", { secret: "a secret" }],
      ["{a secret", { secret: "{a secret" }],
      [pem, { publicKey: pem }],
      [JSON.stringify(jwk), { publicKey: jwk }],
      [JSON.stringify({ keys: [jwk] }, null, 2), { publicKey: { keys: [jwk] } }],
    ] as const) {
      const file = await write("key", content);
      expect(readKeyFile(file, "--jwt-key")).toEqual(options);
      expect(configFromEnvironment({ JOINERY_JWT_KEY_FILE: file })).toEqual({ access: { jwt: options } });
    }
  });

  test("with a secret is refused beside another secret, and one that is not there by the variable", async () => {
    const file = await write("key", "hidden");
    expect(() => configFromEnvironment({ JOINERY_JWT_KEY_FILE: file, JOINERY_JWT_SECRET: "hidden" })).toThrow(
      expect.toSatisfy(invalid("JOINERY_JWT_SECRET", "JOINERY_JWT_KEY_FILE", /^(?!.*hidden)/)),
    );
    expect(() => configFromEnvironment({ JOINERY_JWT_KEY_FILE: join(folder, "nowhere") })).toThrow(
      expect.toSatisfy(invalid("JOINERY_JWT_KEY_FILE", "cannot read the key", "nowhere")),
    );
  });

  test("is not there: refused by its name when it was named", async () => {
    const file = join(folder, "nowhere.ts");
    await expect(loadConfig(file)).rejects.toSatisfy(invalid("cannot load config file", file));
  });

  test.each([
    ["that does not parse", "broken.mjs", "export default {{\n", /cannot load config file .*broken\.mjs: ./],
    ["that throws", "throws.mjs", 'throw new Error("no token");\n', /throws\.mjs: no token$/],
    ["that throws no error", "odd.mjs", 'throw "just so";\n', /odd\.mjs: just so$/],
    [
      "without a default export",
      "named.mjs",
      "export const port = 1;\n",
      /must have an object as its default/,
    ],
    ["that exports a text", "text.mjs", 'export default "port";\n', /must have an object as its default/],
    ["that exports null", "null.mjs", "export default null;\n", /must have an object as its default/],
    ["that is empty", "empty.mjs", "", /must have an object as its default/],
  ])("%s is refused by its name", async (_, name, content, reason) => {
    const file = await write(name, content);
    await expect(loadConfig(file)).rejects.toSatisfy(invalid(name, reason));
  });

  test("keeps as a cause what was thrown", async () => {
    const file = await write("cause.mjs", 'throw new TypeError("why");\n');
    await expect(loadConfig(file)).rejects.toMatchObject({ cause: { message: "why" } });
  });
});

test("without a config file there is an empty config", async () => {
  // The working folder of the tests is the repository, which has none.
  expect(await loadConfig()).toEqual({});
  expect(CONFIG_FILES).toContain("joinery.config.ts");
});

test("defineConfig gives back what it is given", () => {
  const config = { port: 1 };
  expect(defineConfig(config)).toBe(config);
});

describe("of two configs", () => {
  test("the second holds where it says something", () => {
    expect(mergeConfig({ port: 1, data: "a" }, { port: 2 })).toEqual({ port: 2, data: "a" });
    expect(mergeConfig({ port: 1 }, {})).toEqual({ port: 1 });
  });

  test("that holds for each part of access", () => {
    const base = { access: { jwt: { secret: "a", issuer: "i", audience: "x" }, anonymous: "read" } } as const;
    expect(mergeConfig(base, {})).toEqual(base);
    expect(mergeConfig({}, base)).toEqual(base);
    expect(mergeConfig(base, { access: { recheckMs: 1, jwt: { audience: "y" } } })).toEqual({
      access: { jwt: { secret: "a", issuer: "i", audience: "y" }, anonymous: "read", recheckMs: 1 },
    });
    expect(mergeConfig(base, { access: { anonymous: "none" } }).access).toEqual({
      jwt: base.access.jwt,
      anonymous: "none",
    });
  });

  test("keys are those of the second alone, if it has any", () => {
    const base = { access: { jwt: { secret: "a", publicKey: "b", jwks: "c", issuer: "i" } } };
    for (const keys of [{ secret: "x" }, { publicKey: "x" }, { jwks: "x" }]) {
      expect(mergeConfig(base, { access: { jwt: keys } }).access?.jwt).toEqual({ issuer: "i", ...keys });
    }
  });
});
