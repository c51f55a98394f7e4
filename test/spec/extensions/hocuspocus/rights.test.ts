/** What an extension lets a client do, where others have a say too: hooks, or a token. */

import { describe, expect, test } from "vitest";
import { type Action, Rights } from "../../../../server/src/engine/rights.ts";
import type { HostedConnection } from "../../../../server/src/extensions/hocuspocus/hosted-connection.ts";
import type { Plugin } from "../../../../server/src/extensions/plugin.ts";
import { combinePlugins } from "../../../../server/src/extensions/plugins.ts";
import type { Admission, AdmissionRequest } from "../../../../server/src/protocols/admission.ts";
import type { Client } from "../../../support/world.ts";
import { Stage } from "./stage.ts";

interface Payload {
  readonly connectionConfig: { readOnly: boolean };
  readonly connection: HostedConnection;
}

/** Somebody else, who decides as the test says. */
class Others {
  rights: Rights;

  constructor(rights: Rights) {
    this.rights = rights;
  }

  get plugin(): Plugin {
    const recheck = () => Promise.resolve(this.rights);
    const renew = () => Promise.resolve({ rights: this.rights });
    const admit = () => ({ author: "ann", rights: this.rights, recheck, renew });
    return {
      admissions: { admit, needsToken: false, isAuthenticating: true },
      observer: null,
      start: () => Promise.resolve(),
    };
  }
}

interface Visit {
  readonly stage: Stage;
  readonly client: Client;
  readonly connection: HostedConnection;
  readonly admission: Admission;
  /** Has decided anew, as the server does it. */
  recheck(): Promise<void>;
  /** Gives a new token, as a dialect does it. */
  renew(): Promise<void>;
}

/** @param isFirst Whether the extension is asked before the others. */
async function visit(others: Others, isReadOnly = false, isFirst = false): Promise<Visit> {
  const connections: HostedConnection[] = [];
  const stage = await Stage.with([
    {
      onConnect: ({ connectionConfig }: Payload) => {
        connectionConfig.readOnly = isReadOnly;
      },
      connected: ({ connection }: Payload) => void connections.push(connection),
    },
  ]);
  const plugins = isFirst ? [stage.plugin, others.plugin] : [others.plugin, stage.plugin];
  const request: AdmissionRequest = {
    connection: { id: "1", number: 1, token: null, address: "", url: "", headers: {} },
    document: stage.world.name("notes"),
    dialect: "stage",
    token: null,
    agent: null,
    requestToken: () => undefined,
  };
  const admission = (await combinePlugins(plugins)?.admissions?.admit(request)) as Admission;
  const { guest, rights } = admission;
  const client = stage.world.open("notes", guest && { guest });
  client.session.setRights(rights, "as it was let in");
  await stage.settle();
  const recheck = async () => {
    const decided = await admission.recheck?.();
    if (decided) client.session.setRights(decided, "decided anew");
  };
  const renew = async () => {
    const renewal = await admission.renew?.("new");
    if (renewal) client.session.setRights(renewal.rights, "the token was replaced");
  };
  return { stage, client, connection: connections[0] as HostedConnection, admission, recheck, renew };
}

const LOOKER = Rights.of(["read"]);
const QUIET = Rights.of(["read", "write"]);
const READING: readonly Action[] = ["read", "presence", "signal"];
const ALL = [Rights.NONE, LOOKER, Rights.READER, QUIET, Rights.WRITER, Rights.MANAGER];

describe.each([true, false])("a client of which others decide too, asked first %s", (isFirst) => {
  test.each(ALL.slice(1))(
    "may do what they allow, and so much of it as is reading: $actions",
    async (rights) => {
      const { client, connection } = await visit(new Others(rights), false, isFirst);
      expect(client.session.rights).toBe(rights);
      connection.readOnly = true;
      expect(client.session.rights).toBe(rights.and(Rights.of(READING)));
      connection.readOnly = false;
      expect(client.session.rights).toBe(rights);
    },
  );

  test.each(ALL.slice(1))("is let in to read, and later may do what they allow: $actions", async (rights) => {
    const { client, connection, admission } = await visit(new Others(rights), true, isFirst);
    expect(admission.rights).toBe(rights.and(Rights.READER));
    expect(client.session.rights).toBe(rights.and(Rights.READER));
    connection.readOnly = false;
    expect(client.session.rights).toBe(rights);
  });

  test.each(["recheck", "renew"] as const)(
    "stays within what they allow after a %s, and an extension's no holds",
    async (again) => {
      for (const before of ALL.slice(1)) {
        for (const after of ALL.slice(1)) {
          const others = new Others(before);
          const { client, connection, [again]: decide } = await visit(others, false, isFirst);
          connection.readOnly = true;
          others.rights = after;
          await decide();
          expect(client.session.rights).toBe(after.and(Rights.READER));
          connection.readOnly = false;
          expect(client.session.rights).toBe(after);
          others.rights = before;
          await decide();
          expect(client.session.rights).toBe(before);
          connection.readOnly = true;
          expect(client.session.rights).toBe(before.and(Rights.READER));
        }
      }
    },
  );

  test("may not write because it was decided anew while an extension said no", async () => {
    const others = new Others(Rights.WRITER);
    const { stage, client, connection, admission } = await visit(others, false, isFirst);
    const decided = await admission.recheck?.();
    connection.readOnly = true;
    // What was decided is put into force a moment later.
    client.session.setRights(decided ?? Rights.NONE, "decided anew");
    await stage.settle();
    expect(client.session.rights).toBe(Rights.READER);
    connection.readOnly = false;
    expect(client.session.rights).toBe(Rights.WRITER);
  });
});

test("a client of which extensions alone decide may write, and no more", async () => {
  const stage = await Stage.with([{ onChange: () => undefined }]);
  expect((await stage.ask("notes")).rights).toBe(Rights.WRITER);
});
