import { pagePath } from "./document-address.ts";
import { freshDocumentName } from "./fresh-name.ts";

const FEEDBACK_MS = 2000;

export interface DocumentBarElements {
  readonly form: HTMLFormElement;
  readonly nameInput: HTMLInputElement;
  readonly openButton: HTMLButtonElement;
  readonly copyButton: HTMLButtonElement;
  readonly copyLabel: HTMLElement;
  readonly newLink: HTMLAnchorElement;
  /** A polite live region. */
  readonly announcer: HTMLElement;
}

/** The header's part about the document: its name, a way to another one, its link. */
export function showDocumentBar(elements: DocumentBarElements, name: string): void {
  showName(elements, name);
  offerNewDocument(elements.newLink);
  offerLink(elements);
}

function showName({ form, nameInput, openButton }: DocumentBarElements, name: string): void {
  const reset = () => {
    nameInput.value = name;
    openButton.hidden = true;
  };
  reset();
  nameInput.addEventListener("input", () => {
    openButton.hidden = nameInput.value === name;
  });
  nameInput.addEventListener("input", () => nameInput.setCustomValidity(""));
  nameInput.addEventListener("keydown", (event) => {
    if (event.key === "Escape") reset();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (nameInput.value === name) return;
    // Whether a name is allowed is the server's to say: it refuses with its reason. But these two never get there.
    if (/^\.{1,2}$/.test(nameInput.value)) {
      nameInput.setCustomValidity("A document cannot be named “.” or “..”: addresses leave them out.");
      nameInput.reportValidity();
      return;
    }
    location.assign(pagePath(nameInput.value));
  });
}

/** A plain link, so that it opens in a tab of its own as any other; each opening gets a name of its own. */
function offerNewDocument(link: HTMLAnchorElement): void {
  const renew = () => {
    link.href = pagePath(freshDocumentName());
  };
  renew();
  for (const opened of ["click", "auxclick"]) link.addEventListener(opened, () => setTimeout(renew));
}

function offerLink({ copyButton, copyLabel, announcer }: DocumentBarElements): void {
  const label = copyLabel.textContent;
  let timer = 0;
  const say = (feedback: string) => {
    copyLabel.textContent = feedback;
    copyButton.dataset.feedback = "";
    announcer.textContent = feedback;
    clearTimeout(timer);
    timer = window.setTimeout(() => {
      copyLabel.textContent = label;
      delete copyButton.dataset.feedback;
      announcer.textContent = "";
    }, FEEDBACK_MS);
  };
  copyButton.addEventListener("click", () => {
    copy(location.href).then(
      () => say("Copied"),
      () => say("Copy it from the address bar"),
    );
  });
}

/** Browsers offer the clipboard on the loopback and over HTTPS only, and may refuse even there. */
async function copy(address: string): Promise<void> {
  if (navigator.clipboard === undefined) throw new Error("no clipboard on a page without HTTPS");
  await navigator.clipboard.writeText(address);
}
