import { JoineryClient } from "@joinery/client";

const joinery = new JoineryClient({ url: "ws://127.0.0.1:4321", offline: "./documents" });
const notes = joinery.open("notes/today");
await notes.whenLoaded(); // What this device has; nothing needs a network so far.

const text = notes.doc.getText("content");
text.insert(text.length, "Hello. ");
await notes.whenSaved(); // It is on the server's disk.
await joinery.close();
