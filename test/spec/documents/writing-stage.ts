import { DEFAULT_LIMITS, type DocumentName } from "@joinery/shared";
import type { DoorRequest } from "../../../server/src/access/access-api.ts";
import type { DocumentEvent } from "../../../server/src/documents/document-event.ts";
import { EditorIds } from "../../../server/src/documents/editor-ids.ts";
import { Reading } from "../../../server/src/documents/reading.ts";
import { Writing } from "../../../server/src/documents/writing.ts";
import { editedUpdate } from "../../../server/src/edits/apply-edits.ts";
import { InlineReplicas } from "../../../server/src/engine/inline-replicas.ts";
import { ActionDenied, Rights, type RightsSpec } from "../../../server/src/engine/rights.ts";
import { summarizeUpdate } from "../../../server/src/inspect/log-entries.ts";
import { render } from "../../../server/src/inspect/render.ts";
import { storageSource } from "../../../server/src/inspect/storage-source.ts";
import { SYSTEM_RANDOM } from "../../../server/src/node/clock.ts";
import { NO_REQUEST } from "../../../server/src/protocols/admission.ts";
import { World, type WorldOptions } from "../../support/world.ts";

/** Who shows a token of theirs, and may do what. */
const PEOPLE: Readonly<Record<string, RightsSpec>> = { ann: "write", rita: "read", max: "manage" };

/** Writing without a socket on a small world, where a token is a name. */
export class WritingStage {
  readonly world: World;
  readonly events: DocumentEvent[] = [];
  readonly writing: Writing;

  constructor(options: WorldOptions = {}) {
    this.world = new World(options);
    const { rooms, storage, clock } = this.world;
    const principalOf = (token: string | null) => ({
      author: token ?? "",
      rights: Rights.from(PEOPLE[token ?? ""] ?? "none"),
    });
    const source = storageSource(storage, DEFAULT_LIMITS);
    this.writing = new Writing({
      rooms,
      storage,
      clock,
      admissions: {
        admit: ({ token }) => principalOf(token),
        needsToken: true,
        isAuthenticating: true,
      },
      door: {
        authorize: ({ token }, _document, action) => {
          const principal = principalOf(token);
          if (principal.rights.has(action)) return Promise.resolve(principal);
          return Promise.reject(new ActionDenied(action));
        },
      },
      source,
      reading: new Reading({
        source,
        limits: DEFAULT_LIMITS,
        worker: {
          render: async (document, updates, request) => render({ document, updates }, request),
          summarize: async (_document, updates) => updates.map(summarizeUpdate),
        },
        onLimit: () => undefined,
      }),
      worker: {
        edit: (_document, updates, { edits, clientId }) => {
          return Promise.resolve(editedUpdate(updates, edits, { clientId }));
        },
      },
      ids: new EditorIds(SYSTEM_RANDOM),
      limits: DEFAULT_LIMITS,
      replicas: new InlineReplicas(),
      report: (event) => this.events.push(event),
    });
  }

  /** Lets the world go on until it is settled. */
  async until<Result>(promise: Promise<Result>): Promise<Result> {
    let isSettled = false;
    const settle = () => {
      isSettled = true;
    };
    promise.then(settle, settle);
    for (let turns = 0; !isSettled; turns++) {
      if (turns > 100) throw new Error("it never settles");
      await this.world.settle();
    }
    return await promise;
  }

  as(token: string): DoorRequest {
    return { connection: { ...NO_REQUEST, token }, token };
  }

  name(document = "notes"): DocumentName {
    return this.world.name(document);
  }
}
