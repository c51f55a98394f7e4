import type { Context, HostedConnection } from "./hosted-connection.ts";

/** Who changed a document, as Hocuspocus says it. */
type TransactionOrigin =
  | { readonly source: "connection"; readonly connection: HostedConnection }
  | { readonly source: "local"; readonly context?: Context; readonly skipStoreHooks?: boolean }
  | { readonly source: "redis" };

/** Of what extensions have to store though nobody has changed it in this process. */
export const NOBODYS_CHANGE: TransactionOrigin = { source: "local" };

/** @param origin Whatever somebody gave to a transaction. */
function transactionOriginOf(origin: unknown): TransactionOrigin | null {
  if (typeof origin !== "object" || origin === null || !("source" in origin)) return null;
  const isOne = origin.source === "connection" || origin.source === "local" || origin.source === "redis";
  return isOne ? (origin as TransactionOrigin) : null;
}

export function connectionOf(origin: unknown): HostedConnection | undefined {
  const known = transactionOriginOf(origin);
  return known?.source === "connection" ? known.connection : undefined;
}

export function contextOf(origin: unknown): Context {
  const known = transactionOriginOf(origin);
  if (known?.source === "connection") return known.connection.context;
  return (known?.source === "local" && known.context) || {};
}

/** Whether a change does not have to be stored by extensions: somebody else has done so. */
export function skipsStoring(origin: unknown): boolean {
  const known = transactionOriginOf(origin);
  return known?.source === "redis" || (known?.source === "local" && known.skipStoreHooks === true);
}
