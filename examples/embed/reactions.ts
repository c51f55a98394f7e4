import { JoineryClient } from "@joinery/client";

const joinery = new JoineryClient({ url: "ws://127.0.0.1:4321" });
const notes = joinery.open("notes/reactions");
notes.on("signal", ({ name, payload, user }) => console.info(name, payload, user ?? "somebody"));
notes.on("notice", ({ code, message }) => console.warn(code, message)); // Such as SIGNAL_REFUSED.
await notes.whenSynced();
notes.signal("reaction", { emoji: "👍" }, { to: "all" });
