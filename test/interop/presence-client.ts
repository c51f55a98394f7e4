/**
 * A client in a process of its own, to be killed: opens a document, says who it is, prints "seen" and stays.
 * Arguments: the server's ws URL, the document's name, the client id, the person's name.
 */

import { Peer } from "../support/peer.ts";

const [wsUrl, document, clientId, name] = process.argv.slice(2);
if (wsUrl === undefined || document === undefined)
  throw new Error("usage: presence-client WS-URL DOCUMENT CLIENT-ID NAME");

const peer = new Peer(wsUrl, document, { clientId: Number(clientId) });
peer.awareness.setLocalStateField("user", { name });
await peer.synced();
process.stdout.write("synced\n");
