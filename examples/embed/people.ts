import { JoineryClient } from "@joinery/client";

const joinery = new JoineryClient({ url: "ws://127.0.0.1:4321" });
const notes = joinery.open("notes/people");
notes.setPresence({ user: { name: "Ann", color: "#0b6e4f" } });
notes.presence.subscribe(() => {
  for (const { user, state, isTyping } of notes.others()) {
    console.info(user ?? "somebody", "calls themselves", state.user, isTyping ? "and is typing" : "");
  }
});
