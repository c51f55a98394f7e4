import { DEFAULT_LIMITS, type DocumentName } from "@joinery/shared";
import type { DoorRequest } from "../../../server/src/access/access-api.ts";
import type { DocumentEvent } from "../../../server/src/documents/document-event.ts";
import { Writing } from "../../../server/src/documents/writing.ts";
import { editedUpdate } from "../../../server/src/edits/apply-edits.ts";
import { InlineReplicas } from "../../../server/src/engine/inline-replicas.ts";
import { ActionDenied, Rights, type RightsSpec } from "../../../server/src/engine/rights.ts";
import { storageSource } from "../../../server/src/inspect/storage-source.ts";
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
      source: storageSource(storage, DEFAULT_LIMITS),
      worker: {
        edit: (_document, updates, edits) => Promise.resolve(editedUpdate(updates, edits)),
      },
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
