/** The Hocuspocus server as a process of its own: `hocuspocus-server.ts <port> [<flushDelay in ms>]`. */
import { Server } from "@hocuspocus/server";

const [port, flushDelay] = process.argv.slice(2).map(Number);
const server = new Server({
  address: "127.0.0.1",
  quiet: true,
  ...(port !== undefined && { port }),
  ...(flushDelay !== undefined && { flushDelay }),
});
await server.listen();
