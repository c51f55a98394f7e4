/**
 * Makes of each package's `dist/`, where `tsc -b` has put JavaScript and declarations, the folder that would be
 * published, and has publint and attw judge it. In the repository the packages point at their TypeScript sources,
 * which Node runs as they are; what is published points at what was emitted.
 *
 *   node scripts/package.ts
 */

import { execFileSync } from "node:child_process";
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

interface Manifest {
  name: string;
  version: string;
  exports: Record<string, string>;
  bin?: Record<string, string>;
  dependencies?: Record<string, string>;
  devDependencies?: unknown;
  scripts?: unknown;
  [field: string]: unknown;
}

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const PACKAGES = ["shared", "server", "client", "cli"];

for (const folder of PACKAGES) {
  const dist = join(ROOT, folder, "dist");
  writeManifest(join(ROOT, folder), dist);
  copyFileSync(join(ROOT, "LICENSE"), join(dist, "LICENSE"));
  copyFileSync(join(ROOT, "README.md"), join(dist, "README.md"));
}

const cli = join(ROOT, "cli");
mkdirSync(join(cli, "dist/bin"), { recursive: true });
copyFileSync(join(cli, "bin/joinery.js"), join(cli, "dist/bin/joinery.js"));
cpSync(join(ROOT, "examples/editor/dist"), join(cli, "dist/page"), { recursive: true });

for (const folder of PACKAGES) {
  const dist = join(folder, "dist");
  run("publint", ["run", dist, "--strict"]);
  run("attw", ["--pack", dist, "--profile", "esm-only", "--quiet"]);
}

/** The repository's manifest with its sources replaced by what was emitted from them. */
function writeManifest(source: string, dist: string): void {
  const manifest = JSON.parse(readFileSync(join(source, "package.json"), "utf8")) as Manifest;
  const { devDependencies: _dev, scripts: _scripts, ...kept } = manifest;
  const published = {
    ...kept,
    exports: Object.fromEntries(
      Object.entries(manifest.exports).map(([name, path]) => [name, emitted(path, dist)]),
    ),
    files: ["**/*.js", "**/*.d.ts", "**/*.map", "page", "!**/.tsbuildinfo"],
  };
  writeFileSync(join(dist, "package.json"), `${JSON.stringify(published, null, 2)}\n`);
}

/** `./src/index.ts` became `./index.js` and `./index.d.ts`. */
function emitted(path: string, dist: string): { types: string; default: string } {
  const stem = path.replace("./src/", "./").replace(/\.ts$/, "");
  const result = { types: `${stem}.d.ts`, default: `${stem}.js` };
  for (const file of Object.values(result)) {
    if (!existsSync(join(dist, file)))
      throw new Error(`${file} was not emitted to ${dist}: run tsc -b first`);
  }
  return result;
}

function run(tool: string, args: string[]): void {
  execFileSync(join(ROOT, "node_modules/.bin", tool), args, { cwd: ROOT, stdio: "inherit" });
}
