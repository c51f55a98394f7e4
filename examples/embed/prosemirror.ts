import { JoineryClient } from "@joinery/client";
import { schema } from "prosemirror-schema-basic"; // Or yours.
import { EditorState } from "prosemirror-state";
import { EditorView } from "prosemirror-view";
import { yCursorPlugin, ySyncPlugin, yUndoPlugin } from "y-prosemirror";

const joinery = new JoineryClient({ url: "ws://127.0.0.1:4321", offline: "my-app" });
const article = joinery.open("article");
await article.whenLoaded();
article.setPresence({ user: { name: "Ann", color: "#0b6e4f" } });

const content = article.doc.getXmlFragment("content");
const plugins = [ySyncPlugin(content), yCursorPlugin(article.awareness), yUndoPlugin()];
new EditorView(document.querySelector("#editor"), { state: EditorState.create({ schema, plugins }) });
