/**
 * What group commit is compared with: every update is a put of its own into LevelDB, fsynced, one after the other, and
 * acknowledged then. It passes nothing on and looks at nothing. `one-put-server.ts <port> <folder>`.
 */
import { Level } from "level";
import { type WebSocket, WebSocketServer } from "ws";
import { durableMessage, END, STORED } from "../dialects/one-put.ts";

const [port, folder] = process.argv.slice(2);
if (port === undefined || folder === undefined) throw new Error("a port and a folder are needed");
const database = new Level<string, Uint8Array>(folder, { valueEncoding: "view" });
await database.open();
const server = new WebSocketServer({ host: "127.0.0.1", port: Number(port) });

let last: Promise<void> = Promise.resolve();
let count = 0;

/** Runs when all that was asked for before is done. */
function inTurn(action: () => Promise<void>): void {
  last = last.then(action);
}

async function sendStored(socket: WebSocket, path: string): Promise<void> {
  for await (const value of database.values({ gt: `${path} `, lt: `${path}!` })) {
    socket.send(Buffer.concat([Buffer.of(STORED), value]));
  }
  socket.send(Buffer.of(END));
}

server.on("connection", (socket, request) => {
  const path = request.url ?? "/";
  let durable = 0;
  socket.on("message", (message: Buffer) => {
    if (message.length === 0) {
      inTurn(() => sendStored(socket, path));
      return;
    }
    const key = `${path} ${String(count++).padStart(12, "0")}`;
    inTurn(async () => {
      await database.put(key, message, { sync: true });
      socket.send(durableMessage(++durable));
    });
  });
});
