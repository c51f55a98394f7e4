/**
 * Has the browser keep the page's files, so that it opens without a network. Browsers do so on the loopback and over
 * HTTPS only, and people can forbid it: then the page needs a network to be opened, and nothing else is different.
 */
export function keepPage(): void {
  if (!import.meta.env.PROD || !("serviceWorker" in navigator)) return;
  // Not before the page is there: its files are fetched a second time, and somebody waits for the first.
  window.addEventListener("load", () => {
    navigator.serviceWorker.register("/service-worker.js").catch((error: unknown) => {
      window.reportError(error);
    });
  });
}
