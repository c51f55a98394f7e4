import { mkdir, readFile, writeFile } from "node:fs/promises";
import { AccessDenied, createServer } from "@joinery/server";

/** Your database of users, and where you keep documents besides. */
const users = new Map([["ann's token", { name: "ann", isGuest: false }]]);
const fileOf = (document: string) => `./kept/${encodeURIComponent(document)}.bin`;
await mkdir("./kept", { recursive: true });

const joinery = createServer({
  data: "./data",
  hooks: {
    async authenticate({ token }) {
      const context = users.get(token ?? "");
      if (!context) throw new AccessDenied("log in first"); // The client shows this.
      return { user: context.name, context };
    },
    authorize({ document, context }) {
      if (document.startsWith("private/")) return null;
      return context?.isGuest ? "read" : "write";
    },
    async load({ document }) {
      return await readFile(fileOf(document)).catch(() => null);
    },
    async store({ document, state }) {
      await writeFile(fileOf(document), state);
    },
    change({ document, seq, authors }) {
      console.info(`${authors.join(" and ")} wrote ${document}, ${seq}`);
    },
  },
});
await joinery.listen({ port: 4321 });
