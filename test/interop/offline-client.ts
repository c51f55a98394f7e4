/**
 * A program with one document open that it keeps on this device, for tests that end it in the middle. What its parent
 * sends is typed at the end of the text; each change of state is told to the parent, and `stored` when what was typed
 * is in the store.
 */

import { JoineryClient } from "@joinery/client";
import { TEXT } from "../support/peer.ts";

const [url = "", offline = ""] = process.argv.slice(2);
const client = new JoineryClient({ url, offline });
const notes = client.open("notes");
const text = notes.doc.getText(TEXT);

function tell(isStored = false): void {
  const { status, isLoaded, saved, unsaved, offlineError } = notes.getSnapshot();
  const error = offlineError?.message ?? null;
  process.send?.({ text: text.toString(), status: status.kind, isLoaded, saved, unsaved, error, isStored });
}

notes.subscribe(() => tell());
tell();
process.on("message", (line: string) => {
  text.insert(text.length, line);
  // Asking what is unsaved waits for what was given to the store.
  void client.pending().then(() => tell(true));
});
process.on("disconnect", () => process.exit());
