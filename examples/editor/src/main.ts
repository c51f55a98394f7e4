/**
 * The page: one document, as its address names it, for as long as the page is open. Going to another document
 * is going to another page.
 */

import { WebsocketProvider } from "y-websocket";
import * as Y from "yjs";
import { CheckedAwareness } from "./checked-awareness.ts";
import { offerColorScheme } from "./color-scheme.ts";
import {
  type ConnectionState,
  followConnection,
  shouldReconnect,
  showConnection,
} from "./connection-state.ts";
import { documentNameIn, pagePath, roomName, serverAddress, WELCOME_DOCUMENT } from "./document-address.ts";
import { showDocumentBar } from "./document-bar.ts";
import { createEditor } from "./editor.ts";
import { Identity } from "./identity.ts";
import { pageElement } from "./page-elements.ts";
import { showPresence } from "./presence-list.ts";

const TEXT_NAME = "content";

openPage(nameDocument());

/** The document's name by the page's address; an address that names none becomes the welcome document's. */
function nameDocument(): string {
  const name = documentNameIn(location.pathname);
  if (name !== undefined) return name;
  history.replaceState(null, "", pagePath(WELCOME_DOCUMENT));
  return WELCOME_DOCUMENT;
}

function openPage(name: string): void {
  document.title = `${name} – Joinery`;
  const announcer = pageElement("announcer", HTMLElement);
  offerColorScheme(pageElement("theme-toggle", HTMLButtonElement));
  showDocumentBar(
    {
      form: pageElement("document-form", HTMLFormElement),
      nameInput: pageElement("document-name", HTMLInputElement),
      openButton: pageElement("document-go", HTMLButtonElement),
      copyButton: pageElement("copy-link", HTMLButtonElement),
      copyLabel: pageElement("copy-link-label", HTMLElement),
      newLink: pageElement("new-document", HTMLAnchorElement),
      announcer,
    },
    name,
  );

  const doc = new Y.Doc();
  const awareness = new CheckedAwareness(doc, TEXT_NAME);
  offerRenaming(new Identity(awareness));
  showPresence(awareness, {
    button: pageElement("people-button", HTMLButtonElement),
    list: pageElement("people-list", HTMLElement),
    announcer,
  });
  const text = doc.getText(TEXT_NAME);
  const editor = createEditor(pageElement("editor", HTMLElement), text, awareness);
  pageElement("skip-link", HTMLAnchorElement).addEventListener("click", (event) => {
    event.preventDefault();
    editor.view.focus();
  });

  const provider = new WebsocketProvider(serverAddress(location), roomName(name), doc, {
    awareness,
    // Everything goes through the server, also between windows of one browser: what this page shows is then
    // what people on two machines would see.
    disableBc: true,
    shouldReconnect,
    connect: false,
  });
  const elements = {
    label: pageElement("connection", HTMLElement),
    notice: pageElement("notice", HTMLElement),
    noticeTitle: pageElement("notice-title", HTMLElement),
    noticeText: pageElement("notice-text", HTMLElement),
  };
  const warnBeforeLoss = createLossWarning(doc, provider);
  followConnection(provider, awareness, (state) => {
    showConnection(elements, state);
    warnBeforeLoss(state);
    if (state.kind === "refused") editor.makeReadOnly();
  });
  // Nobody looks for the cursor in an empty document; in one with text, readers keep theirs out of it.
  provider.once("sync", () => {
    if (text.length === 0 && document.activeElement === document.body) editor.view.focus();
  });
  provider.connect();
}

function offerRenaming(identity: Identity): void {
  const form = pageElement("name-form", HTMLFormElement);
  const input = pageElement("own-name", HTMLInputElement);
  const popover = pageElement("people", HTMLElement);
  input.value = identity.name;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (identity.rename(input.value)) popover.hidePopover();
    input.value = identity.name;
  });
}

/** Edits made without a connection live in this window only: the browser asks before it is closed on them. */
function createLossWarning(doc: Y.Doc, provider: WebsocketProvider): (state: ConnectionState) => void {
  let isOnline = false;
  let hasUnsentEdits = false;
  doc.on("update", (_update: Uint8Array, origin: unknown) => {
    if (!isOnline && origin !== provider) hasUnsentEdits = true;
  });
  window.addEventListener("beforeunload", (event) => {
    if (hasUnsentEdits) event.preventDefault();
  });
  return ({ kind }) => {
    isOnline = kind === "online";
    if (isOnline) hasUnsentEdits = false;
  };
}
