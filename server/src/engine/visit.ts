/**
 * Somebody in a document who is in this process and has no socket: the application's own code, or a request over HTTP.
 * What is done is a session's doing, so that rights, guards, limits and the log hold for it as for a client.
 */

import { JoineryError } from "@joinery/shared";
import { localOutbox, NOTHING_SAID, quietDialect } from "./local-link.ts";
import type { Dialect, Outbox, Revision } from "./ports.ts";
import type { Session } from "./session.ts";
import type { Demand, WhereItIs } from "./whole-write.ts";

/** Says that it was let in, and nothing else. */
const visitDialect = (name: string): Dialect => quietDialect(name, { opened: () => NOTHING_SAID });

/** One object a name: what is counted is counted by it. */
const DIALECTS = { http: visitDialect("http"), server: visitDialect("server") } as const;

/** Whether it is of the application's own code, which need not be told of itself. */
export function isOwnVisit({ dialect }: { readonly dialect: Dialect }): boolean {
  return dialect === DIALECTS.server;
}

/** Whether it is somebody without a socket, who is not there for longer than an edit takes. */
export function isVisit({ dialect }: { readonly dialect: Dialect }): boolean {
  return dialect === DIALECTS.http || isOwnVisit({ dialect });
}

/** What a visit's session is opened with. */
export interface VisitLink {
  readonly dialect: Dialect;
  readonly outbox: Outbox;
}

/** No condition. */
const AS_IT_IS: Demand = () => undefined;

export class Visit {
  readonly #opened = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<never>();
  #session: Session | null = null;
  /** Why it is over; `null` while it is not. */
  #end: JoineryError | null = null;

  /**
   * Goes into a document; resolves when it is loaded and the visitor was let in.
   *
   * @param kind Where it comes from.
   * @param open Opens its session. Rejects with what it throws, and with why the session was closed.
   */
  static async open(kind: keyof typeof DIALECTS, open: (link: VisitLink) => Session): Promise<Visit> {
    const visit = new Visit();
    const outbox = localOutbox({
      send: () => visit.#opened.resolve(),
      close: (error) => visit.#over(error),
    });
    visit.#session = open({ dialect: DIALECTS[kind], outbox });
    await Promise.race([visit.#opened.promise, visit.#ended.promise]);
    return visit;
  }

  private constructor() {
    // It may end while nobody waits for anything.
    this.#ended.promise.catch(() => undefined);
  }

  /** Of the document; of one that was never written to, another one each time that it is opened. */
  get lineage(): string {
    return this.#here.room.lineage;
  }

  /** Where the document is; `null` while something was accepted that is not in the log. @throws Why the visit is over. */
  get whereItIs(): WhereItIs {
    return this.#here.room.whereItIs;
  }

  /**
   * Everything that was accepted, as Yjs v1 updates in order. Cost: none; the bytes must not be changed.
   *
   * @throws Why the visit is over.
   */
  allUpdates(): readonly Uint8Array[] {
    const { rights, room } = this.#here;
    rights.demand("read");
    return room.allUpdates();
  }

  /**
   * Writes an update, all of it or nothing, while the condition holds; an empty one to a document that is not there makes
   * it. Resolves when it is on disk. Rejects as {@link Intake.receiveWhole} throws, with what the condition throws, and
   * with why the session was closed meanwhile; it is over then.
   */
  async write(update: Uint8Array, demand: Demand = AS_IT_IS): Promise<Revision> {
    return await Promise.race([this.#here.write(update, demand), this.#ended.promise]);
  }

  /** Whether nobody who is in the document writes, or is seen, under this id. @throws Why the visit is over. */
  isFree(clientId: number): boolean {
    return !this.#here.room.isOwned(clientId);
  }

  /** Resolves when all that was accepted by now is on disk, to where the document is then. Rejects as {@link write}. */
  async whenDurable(): Promise<Revision> {
    return await Promise.race([this.#here.room.whenDurable(), this.#ended.promise]);
  }

  /** Idempotent. What was accepted stays; what still waits for its answer rejects with CONNECTION_LOST (backoff). */
  leave(): void {
    this.#session?.left();
    this.#over(new JoineryError("CONNECTION_LOST", "whoever wrote has left"));
  }

  /** @throws JoineryError Why it is over. */
  get #here(): Session {
    if (this.#end !== null) throw this.#end;
    if (this.#session === null) throw new Error("the visit has not begun");
    return this.#session;
  }

  #over(error: JoineryError): void {
    this.#end ??= error;
    this.#ended.reject(this.#end);
  }
}
