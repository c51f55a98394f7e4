import { defineConfig } from "vite";
import { offlineFiles } from "./offline-files.ts";

const SERVER = "http://127.0.0.1:4321";
const WORKER = "service-worker";

export default defineConfig({
  base: "/",
  plugins: [offlineFiles(`${WORKER}.js`)],
  build: {
    // The page uses light-dark() and popovers; these are the first browsers that have both.
    target: ["chrome125", "edge125", "firefox128", "safari17.5"],
    emptyOutDir: true,
    rolldownOptions: {
      input: { page: "index.html", [WORKER]: "src/service-worker.ts" },
      output: {
        // A service worker's address says for which part of a site it is, and must stay the same.
        entryFileNames: ({ name }) => (name === WORKER ? "[name].js" : "assets/[name]-[hash].js"),
        codeSplitting: {
          // The libraries change less often than the page, so browsers keep them longer.
          groups: [
            { name: "parsers", test: /node_modules\/@lezer/ },
            { name: "codemirror", test: /node_modules\/(@codemirror|@marijn|style-mod|w3c-keyname|crelt)/ },
            { name: "konva", test: /node_modules\/konva/ },
            { name: "yjs", test: /node_modules\/(yjs|y-protocols|y-codemirror|lib0)/ },
          ],
        },
      },
    },
  },
  server: {
    proxy: {
      // A document's WebSocket has the document's name as its path, which may be anything: so all WebSockets
      // go to a Joinery server but Vite's own, which asks for a subprotocol of its own, and nothing else goes there.
      "/": {
        target: SERVER,
        ws: true,
        bypass: ({ headers, url }) => {
          const isVite = headers["sec-websocket-protocol"]?.startsWith("vite-") === true;
          return headers.upgrade !== undefined && !isVite ? undefined : url;
        },
      },
    },
  },
});
