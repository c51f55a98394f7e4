import { WebsocketProvider } from "y-websocket";
import * as Y from "yjs";

async function protocols(): Promise<string[]> {
  const response = await fetch("/api/joinery-token", { method: "POST" });
  if (!response.ok) throw new Error("Please sign in.");
  return ["y-websocket", `joinery-token.${await response.text()}`];
}

const provider = new WebsocketProvider("ws://127.0.0.1:4321", "notes/today", new Y.Doc(), {
  protocols: await protocols(),
  // By default all codes from 4400 to 4499 are the end. This one only means: come with a new token.
  shouldReconnect: ({ code }) => code === 4401 || code < 4400 || code > 4499,
});
provider.on("connection-close", async (event) => {
  if (event?.code !== 4401) return;
  // Shown at the next attempt. While there is none, attempts go on, every 2.5 s at the most.
  provider.protocols = await protocols().catch(() => provider.protocols);
});
