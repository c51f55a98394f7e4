/**
 * A client in a thread of its own, so that its work holds nobody else up: opens a document and types as fast as it
 * can, one character an edit. Stays when it is done.
 */

import { workerData } from "node:worker_threads";
import { Peer } from "../support/peer.ts";

const { wsUrl, document, edits } = workerData as { wsUrl: string; document: string; edits: number };
const peer = new Peer(wsUrl, document);
await peer.synced();
for (let i = 0; i < edits; i++) peer.text.insert(i, "x");
