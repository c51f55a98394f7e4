#!/usr/bin/env node
// Plain JavaScript without newer syntax, so that an old Node can still read it and say what it needs.
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(
    `joinery needs Node.js 22.18 or newer, this is ${process.version}. In a clone, "npx joinery" uses the right one.`,
  );
  process.exit(1);
}
const { run } = await import("joinery");
await run(process.argv.slice(2));
