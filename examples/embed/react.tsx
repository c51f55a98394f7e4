import { EditorView } from "@codemirror/view";
import { type DocumentHandle, JoineryClient } from "@joinery/client";
import { useDocument, useDocumentState, useOthers } from "@joinery/client/react";
import { useEffect, useRef } from "react";
import { yCollab } from "y-codemirror.next";

const joinery = new JoineryClient({ url: "ws://127.0.0.1:4321", offline: "my-app" });

export function Notes({ name }: { name: string }) {
  const notes = useDocument(joinery, name);
  return notes && <Editor notes={notes} />;
}

function Editor({ notes }: { notes: DocumentHandle }) {
  const { doc, isLoaded, saved, unsaved } = useDocumentState(notes);
  const others = useOthers(notes);
  const parent = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!isLoaded || !parent.current) return undefined;
    const text = doc.getText("content");
    const extensions = [yCollab(text, notes.awareness)];
    const view = new EditorView({ doc: text.toString(), extensions, parent: parent.current });
    return () => view.destroy();
  }, [notes, doc, isLoaded]);
  return (
    <>
      <div ref={parent} />
      <output>{saved ? "Saved" : `${unsaved.count} not yet saved`}</output>
      <aside>{others.length + 1} here</aside>
    </>
  );
}
