import { JoineryClient } from "@joinery/client";
import { snapshotStore } from "@joinery/client/svelte";

const joinery = new JoineryClient({ url: "ws://127.0.0.1:4321", offline: "my-app" });
export const notes = joinery.open("notes/svelte");

// In a component: {$notesState.saved ? "Saved" : "Not yet saved"}, {$others.length + 1} here
export const notesState = snapshotStore(notes);
export const others = snapshotStore(notes.presence);
