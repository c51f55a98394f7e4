/** The build's part of opening the page without a network: tells the service worker which files there are. */

import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "vite";

/** @param worker Name of the service worker's file in the output. */
export function offlineFiles(worker: string): Plugin {
  let publicFolder = "";
  return {
    name: "offline-files",
    apply: "build",
    // After Vite has put index.html into the bundle.
    enforce: "post",
    configResolved(config) {
      publicFolder = config.publicDir;
    },
    generateBundle(_options, bundle) {
      const contents = new Map<string, string | Uint8Array>();
      for (const file of readdirSync(publicFolder))
        contents.set(file, readFileSync(join(publicFolder, file)));
      for (const [file, output] of Object.entries(bundle)) {
        contents.set(file, output.type === "chunk" ? output.code : output.source);
      }
      const chunk = bundle[worker];
      if (chunk?.type !== "chunk") throw new Error(`the build has no ${worker}`);
      const version = hashOf(contents);
      contents.delete(worker);
      contents.delete("index.html");
      const files = ["/", ...[...contents.keys()].sort().map((file) => `/${file}`)];
      chunk.code = `const PAGE_VERSION=${JSON.stringify(version)},PAGE_FILES=${JSON.stringify(files)};\n${chunk.code}`;
    },
  };
}

function hashOf(contents: ReadonlyMap<string, string | Uint8Array>): string {
  const hash = createHash("sha256");
  for (const file of [...contents.keys()].sort()) hash.update(file).update(contents.get(file) ?? "");
  return hash.digest("hex").slice(0, 16);
}
