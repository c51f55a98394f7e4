/** How much one user has at once, over all tabs and devices. Of nobody in particular there is no telling. */

import { JoineryError, type LimitName, type Limits } from "@joinery/shared";

interface Account {
  /** Documents that the user has open, by the number of the connection. */
  readonly connections: Map<number, number>;
  documents: number;
}

export class UserQuotas {
  readonly #limits: Pick<Limits, "maxUserConnections" | "maxUserDocuments">;
  readonly #onLimit: (limit: LimitName) => void;
  readonly #accounts = new Map<string, Account>();

  constructor(
    limits: Pick<Limits, "maxUserConnections" | "maxUserDocuments">,
    onLimit: (limit: LimitName) => void,
  ) {
    this.#limits = limits;
    this.#onLimit = onLimit;
  }

  /** Users who are here. */
  get size(): number {
    return this.#accounts.size;
  }

  /**
   * A user opens a document on a connection, and {@link leave}s it once.
   *
   * @throws JoineryError TOO_MANY_CONNECTIONS, TOO_MANY_DOCUMENTS (backoff); it does not count then.
   */
  enter(user: string, connection: number): void {
    if (user === "") return;
    const account = this.#accounts.get(user) ?? { connections: new Map<number, number>(), documents: 0 };
    this.#demandRoom(account, connection);
    this.#accounts.set(user, account);
    account.documents++;
    account.connections.set(connection, (account.connections.get(connection) ?? 0) + 1);
  }

  leave(user: string, connection: number): void {
    const account = this.#accounts.get(user);
    if (account) this.#leave(user, account, connection);
  }

  #demandRoom({ connections, documents }: Account, connection: number): void {
    const { maxUserConnections, maxUserDocuments } = this.#limits;
    if (documents >= maxUserDocuments) {
      this.#onLimit("maxUserDocuments");
      const message = `you have ${maxUserDocuments} documents open, the limit of one user`;
      throw new JoineryError("TOO_MANY_DOCUMENTS", message);
    }
    if (connections.size >= maxUserConnections && !connections.has(connection)) {
      this.#onLimit("maxUserConnections");
      const message = `you have ${maxUserConnections} connections, the limit of one user`;
      throw new JoineryError("TOO_MANY_CONNECTIONS", message);
    }
  }

  #leave(user: string, account: Account, connection: number): void {
    const { connections } = account;
    const documents = (connections.get(connection) ?? 1) - 1;
    if (documents > 0) connections.set(connection, documents);
    else connections.delete(connection);
    account.documents--;
    if (account.documents === 0) this.#accounts.delete(user);
  }
}
