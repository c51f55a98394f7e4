import { JoineryClient } from "@joinery/client";

const joinery = new JoineryClient({ url: "ws://127.0.0.1:4321", offline: "./documents" });
const notes = joinery.open("minutes", {
  // Fills a document that is new, once in its life, whoever comes first.
  seed: (doc) => doc.getText("content").insert(0, "# Minutes\n"),
  // The server's copy was deleted: ours takes its place. It was begun anew: we keep ours under another name.
  onLineage: ({ remote }) => (remote.seq === 0 ? "merge" : "keep-as-copy"),
});
notes.on("doc", (doc) => console.info("show this one instead:", doc.getText("content").toString()));
await notes.whenSynced();
