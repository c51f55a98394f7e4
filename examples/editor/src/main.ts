/**
 * The page: one document, as its address names it, for as long as the page is open. Going to another document
 * is going to another page.
 */

import { Board } from "./board/board.ts";
import type { CheckedAwareness } from "./checked-awareness.ts";
import { offerColorScheme } from "./color-scheme.ts";
import { offerResolution } from "./conflict-dialog.ts";
import { documentNameIn, pagePath, serverAddress, WELCOME_DOCUMENT } from "./document-address.ts";
import { showDocumentBar } from "./document-bar.ts";
import { BOARD_NAME, type DocumentSession, openSession, TEXT_NAME } from "./document-session.ts";
import { createEditor, type Editor } from "./editor.ts";
import { Identity } from "./identity.ts";
import { keepPage } from "./offline-page.ts";
import { followToken, ownToken } from "./own-token.ts";
import { pageElement } from "./page-elements.ts";
import { offerPanes } from "./panes.ts";
import { showPresence } from "./presence-list.ts";
import { offerRescue } from "./rescue.ts";
import { saveStateOf } from "./save-state.ts";
import { showSaveState, warnBeforeLoss } from "./save-state-view.ts";

const announcer = pageElement("announcer", HTMLElement);

keepPage();
// Before the address is written anew, which would lose the token in it.
const token = ownToken();
openPage(nameDocument(), token);

/** The document's name by the page's address; an address that names none becomes the welcome document's. */
function nameDocument(): string {
  const name = documentNameIn(location.pathname);
  if (name !== undefined) return name;
  history.replaceState(null, "", pagePath(WELCOME_DOCUMENT));
  return WELCOME_DOCUMENT;
}

function openPage(name: string, token: string | undefined): void {
  document.title = `${name} – Joinery`;
  const colorScheme = offerColorScheme(pageElement("theme-toggle", HTMLButtonElement));
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
  const session = openSession(name, serverAddress(location), token);
  followToken();
  showPeople(session.awareness);
  const editor = openText(session);
  const board = new Board(boardElements(), session.doc.getMap(BOARD_NAME), session.awareness, colorScheme);
  offerPanes(
    {
      panes: pageElement("panes", HTMLElement),
      divider: pageElement("divider", HTMLElement),
      switcher: pageElement("layouts", HTMLElement),
    },
    (shown) => pageElement("skip-link", HTMLElement).toggleAttribute("hidden", !shown.has("text")),
  );
  followState(session, editor, board);
  offerRescue(pageElement("rescue", HTMLElement), session, board);
  offerResolution(session, {
    dialog: pageElement("conflict", HTMLDialogElement),
    text: pageElement("conflict-text", HTMLElement),
    copyName: pageElement("conflict-copy", HTMLElement),
    loss: pageElement("conflict-loss", HTMLElement),
    failure: pageElement("conflict-failure", HTMLElement),
    reopen: pageElement("conflict-reopen", HTMLButtonElement),
    retry: pageElement("retry", HTMLButtonElement),
  });
}

function showPeople(awareness: CheckedAwareness): void {
  offerRenaming(new Identity(awareness));
  showPresence(awareness, {
    button: pageElement("people-button", HTMLButtonElement),
    list: pageElement("people-list", HTMLElement),
    announcer,
  });
}

function openText({ doc, awareness }: DocumentSession): Editor {
  const editor = createEditor(pageElement("editor", HTMLElement), doc.getText(TEXT_NAME), awareness);
  pageElement("skip-link", HTMLAnchorElement).addEventListener("click", (event) => {
    event.preventDefault();
    editor.view.focus();
  });
  return editor;
}

function boardElements() {
  return {
    surface: pageElement("board-surface", HTMLElement),
    canvas: pageElement("board-canvas", HTMLDivElement),
    overlay: pageElement("board-overlay", HTMLElement),
    outline: pageElement("board-outline", HTMLElement),
    toolbar: {
      tools: pageElement("board-tools", HTMLElement),
      properties: pageElement("board-properties", HTMLElement),
      view: pageElement("board-view", HTMLElement),
      zoom: pageElement("board-zoom", HTMLElement),
    },
    announcer,
  };
}

function followState(session: DocumentSession, editor: Editor, board: Board): void {
  const elements = {
    label: pageElement("connection", HTMLElement),
    notice: pageElement("notice", HTMLElement),
    noticeTitle: pageElement("notice-title", HTMLElement),
    noticeText: pageElement("notice-text", HTMLElement),
    rescue: pageElement("rescue", HTMLElement),
  };
  let wasSynced = false;
  const show = () => {
    const { isLoaded, synced } = session.state;
    const state = saveStateOf(session.state);
    showSaveState(elements, state);
    editor.isReadOnly = !state.isEditable;
    board.isReadOnly = !state.isEditable;
    if (isLoaded) board.showContent(synced || state.kind === "offline");
    if (synced && !wasSynced) {
      wasSynced = true;
      welcome(session, editor);
    }
  };
  session.onState(show);
  show();
  warnBeforeLoss(() => saveStateOf(session.state).isLossAhead);
  pageElement("retry", HTMLButtonElement).addEventListener("click", () => session.retry());
}

/** Nobody looks for the cursor in an empty document; in one with text, readers keep theirs out of it. */
function welcome({ doc }: DocumentSession, editor: Editor): void {
  if (doc.getText(TEXT_NAME).length === 0 && document.activeElement === document.body) editor.view.focus();
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
