import { WebsocketProvider } from "y-websocket";
import * as Y from "yjs";

const doc = new Y.Doc();
const address = `ws://127.0.0.1:${process.env.PORT ?? 3000}/collaboration`;
const provider = new WebsocketProvider(address, "notes/today", doc);

provider.once("sync", () => {
  doc.getText("content").insert(0, "Hello. ");
});
