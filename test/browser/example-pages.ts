/** Pages with the code of docs/client.md: bundled as an application's would be, and served from memory. */

import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { build, type Plugin, type Rolldown } from "vite";
import { onTestFinished } from "vitest";
import { EXAMPLES, readDocsExamples, withServer } from "../support/docs-examples.ts";

/** A page: the module that it loads, which imports a block of the docs by its file's name. */
export type Pages = Readonly<Record<string, string>>;

/**
 * Bundles and serves pages until the test is over.
 *
 * @returns Where they are: `/<name>` is the page of that name.
 */
export async function servePages(pages: Pages, wsUrl: string): Promise<string> {
  const files = await bundle(pages, wsUrl);
  const server = createServer((request, response) => {
    const path = (request.url ?? "/").slice(1);
    const code = files.get(path);
    if (code !== undefined) response.setHeader("content-type", "text/javascript").end(code);
    else if (path in pages) response.setHeader("content-type", "text/html").end(html(path));
    else response.writeHead(404).end();
  });
  server.listen(0, "127.0.0.1");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function bundle(pages: Pages, wsUrl: string): Promise<ReadonlyMap<string, string>> {
  const built = await build({
    configFile: false,
    logLevel: "error",
    root: EXAMPLES,
    plugins: [entries(pages), blocks(wsUrl)],
    build: {
      write: false,
      minify: false,
      target: "es2024",
      modulePreload: false,
      rolldownOptions: {
        input: Object.fromEntries(Object.keys(pages).map((name) => [name, `page:${name}`])),
        output: { entryFileNames: "[name].js", chunkFileNames: "chunks/[name]-[hash].js" },
      },
    },
  });
  const { output } = (Array.isArray(built) ? built[0] : built) as Rolldown.RolldownOutput;
  return new Map(output.flatMap((file) => (file.type === "chunk" ? [[file.fileName, file.code]] : [])));
}

/** The modules of the pages, as if they were beside the examples. */
function entries(pages: Pages): Plugin {
  const suffix = ".page.ts";
  return {
    name: "pages",
    enforce: "pre",
    resolveId: (id) => (id.startsWith("page:") ? `${EXAMPLES}${id.slice(5)}${suffix}` : null),
    load: (id) => (id.endsWith(suffix) ? (pages[id.slice(EXAMPLES.length, -suffix.length)] ?? null) : null),
  };
}

/** Of an example the code that the page of the docs shows. */
function blocks(wsUrl: string): Plugin {
  const examples = readDocsExamples("client.md");
  return {
    name: "blocks",
    enforce: "pre",
    load: (id) => {
      const code = id.startsWith(EXAMPLES) ? examples.get(id.slice(EXAMPLES.length)) : undefined;
      return code === undefined ? null : withServer(code, wsUrl);
    },
  };
}

function html(name: string): string {
  return `<!doctype html><meta charset="utf-8"><title>${name}</title>
<div id="editor"></div><script type="module" src="/${name}.js"></script>`;
}
