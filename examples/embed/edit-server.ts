import { createServer } from "@joinery/server";

const joinery = createServer({ data: "./data" });
await joinery.listen({ port: 4321 });

const { seq } = await joinery.edit(
  "shopping",
  (doc) => {
    doc.getText("title").insert(0, "For the weekend");
    doc.getArray("open").push(["bread", "milk"]);
  },
  { origin: "importer" },
);
console.info(`on disk as batch ${seq}`);
