const DOCUMENT = "http://127.0.0.1:4321/api/v1/documents/shopping";

/** Moves something from one list to the other. Whoever changes the document meanwhile is not overwritten. */
async function buy(what: string): Promise<void> {
  for (;;) {
    const read = await fetch(`${DOCUMENT}/json`);
    const { open } = (await read.json()) as { open: string[] };
    if (!open.includes(what)) return;
    const edits = [
      { op: "delete", path: ["open", open.indexOf(what)] },
      { op: "insert", path: ["bought"], values: [what] },
    ];
    const answer = await fetch(`${DOCUMENT}/edit`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "If-Match": read.headers.get("ETag") ?? "" },
      body: JSON.stringify({ edits }),
    });
    if (answer.ok) return;
    // Another revision is there by now: the index may be that of something else.
    if (answer.status !== 412) throw new Error(await answer.text());
  }
}

await buy("milk");
console.info("bought");
