#!/usr/bin/env node
// Plain JavaScript without newer syntax, so that an old Node can still read it and say what it needs.
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(
    `joinery needs Node.js 22.18 or newer, this is ${process.version}. In a clone, "npx joinery" uses the right one.`,
  );
  process.exit(1);
}
await keepCompiledCode();
const { run } = await import("joinery");
await run(process.argv.slice(2));

/**
 * What was compiled of the program is kept between runs: reading some 900 modules is most of a start. In the user's own
 * folder, not in that for temporary files, where others could put something else in its place, nor by a relative path,
 * which would be wherever the command is run; without one, or where nothing can be written, it does without.
 * NODE_COMPILE_CACHE names another folder, NODE_DISABLE_COMPILE_CACHE has none.
 */
async function keepCompiledCode() {
  const { XDG_CACHE_HOME, HOME, LOCALAPPDATA } = process.env;
  const { isAbsolute } = await import("node:path");
  const folders = [XDG_CACHE_HOME, HOME && `${HOME}/.cache`, LOCALAPPDATA];
  const folder = folders.find((path) => path && isAbsolute(path));
  if (!folder) return;
  const { enableCompileCache } = await import("node:module");
  enableCompileCache(`${folder}/joinery`);
}
