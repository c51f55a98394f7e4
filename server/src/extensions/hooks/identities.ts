/** Keeps with each connection who its client is: a token is asked about once, for all documents opened with it. */

import type { AdmissionRequest, ConnectionRequest } from "../../protocols/admission.ts";
import type { Identity } from "./identity.ts";

export interface IdentitiesOptions {
  readonly ask: (request: AdmissionRequest) => Promise<Identity>;
  /** In milliseconds since 1970. */
  readonly now: () => number;
}

/** Tokens of one connection; the one that was asked about longest ago is forgotten, and asked about again. */
const MAX_TOKENS = 16;

type Answers = Map<string | null, Promise<Identity>>;

export class Identities {
  readonly #options: IdentitiesOptions;
  readonly #answers = new WeakMap<ConnectionRequest, Answers>();

  constructor(options: IdentitiesOptions) {
    this.#options = options;
  }

  /**
   * Asks, unless it is known. Whoever asks meanwhile shares the answer; a failure is not kept.
   *
   * @param old What a session has, and wants to have anew: the same token may be good for longer now. Sessions that
   * share it share the new one.
   */
  async of(request: AdmissionRequest, old: Identity | null = null): Promise<Identity> {
    const { connection, token } = request;
    const answers = this.#answersOf(connection);
    for (let asked = answers.get(token); asked !== undefined; asked = answers.get(token)) {
      const identity = await asked;
      if (identity !== old && !this.#hasExpired(identity)) return identity;
      if (answers.get(token) === asked) answers.delete(token);
    }
    return await this.#ask(answers, request);
  }

  #ask(answers: Answers, request: AdmissionRequest): Promise<Identity> {
    const { token } = request;
    const asked = this.#options.ask(request);
    answers.set(token, asked);
    const [oldest] = answers.keys();
    if (oldest !== undefined && answers.size > MAX_TOKENS) answers.delete(oldest);
    asked.catch(() => {
      if (answers.get(token) === asked) answers.delete(token);
    });
    return asked;
  }

  #answersOf(connection: ConnectionRequest): Answers {
    const known = this.#answers.get(connection);
    if (known) return known;
    const answers: Answers = new Map();
    this.#answers.set(connection, answers);
    return answers;
  }

  #hasExpired({ expiresAt }: Identity): boolean {
    return expiresAt !== undefined && expiresAt <= this.#options.now();
  }
}
