import { EditorView, keymap } from "@codemirror/view";
import { JoineryClient } from "@joinery/client";
import { yCollab, yUndoManagerKeymap } from "y-codemirror.next";

const joinery = new JoineryClient({ url: "ws://127.0.0.1:4321", offline: "my-app" });
const notes = joinery.open("notes/today");
await notes.whenLoaded();
notes.setPresence({ user: { name: "Ann", color: "#0b6e4f" } });

const text = notes.doc.getText("content");
new EditorView({
  doc: text.toString(),
  extensions: [yCollab(text, notes.awareness), keymap.of(yUndoManagerKeymap)], // And yours, but history().
  parent: document.querySelector("#editor") ?? document.body,
});
