import type { JoineryError, LimitName } from "@joinery/shared";

/** What happened to a connection that a person may want to know. */
export type ConnectionEvent =
  | (ConnectionName & { readonly type: "connected"; readonly path: string; readonly address: string })
  | (ConnectionName & { readonly type: "disconnected"; readonly closeCode: number })
  | (ConnectionName & {
      readonly type: "connection-refused";
      readonly address: string;
      readonly error: JoineryError;
    })
  /** It is read more slowly for a while; told once for each limit. */
  | (ConnectionName & {
      readonly type: "connection-slowed";
      readonly address: string;
      readonly limit: LimitName;
    })
  | (ConnectionName & { readonly type: "connection-dead" });

/** Which connection it is. */
export interface ConnectionName {
  readonly connection: number;
  /** As sessions of the connection have it. */
  readonly correlation: string;
}
