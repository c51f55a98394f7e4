import { defineConfig } from "vite";

const SERVER = "http://127.0.0.1:4321";

export default defineConfig({
  base: "/",
  build: {
    // The page uses light-dark() and popovers; these are the first browsers that have both.
    target: ["chrome125", "edge125", "firefox128", "safari17.5"],
    emptyOutDir: true,
    rolldownOptions: {
      output: {
        codeSplitting: {
          // The libraries change less often than the page, so browsers keep them longer.
          groups: [
            { name: "parsers", test: /node_modules\/@lezer/ },
            { name: "codemirror", test: /node_modules\/(@codemirror|@marijn|style-mod|w3c-keyname|crelt)/ },
            { name: "yjs", test: /node_modules\// },
          ],
        },
      },
    },
  },
  server: {
    proxy: {
      // A document's WebSocket has the document's name as its path, which may be anything: so all WebSockets
      // go to a Joinery server but Vite's own, which asks for a subprotocol, and nothing else goes there.
      "/": {
        target: SERVER,
        ws: true,
        bypass: ({ headers, url }) => {
          const isDocument = headers.upgrade !== undefined && headers["sec-websocket-protocol"] === undefined;
          return isDocument ? undefined : url;
        },
      },
    },
  },
});
