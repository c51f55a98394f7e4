import { JoineryClient } from "@joinery/client";

const joinery = new JoineryClient({
  url: "ws://127.0.0.1:4321",
  token: async () => {
    const response = await fetch("/api/joinery-token", { method: "POST" });
    if (!response.ok) throw new Error("Please sign in."); // What `status.reason` says.
    return response.text();
  },
});
const notes = joinery.open("notes/today");
notes.on("permission", ({ permission, reason }) => console.info(permission, reason));
notes.on("notice", ({ code, message }) => console.warn(code, message)); // UNAUTHENTICATED: it expires soon.
