/**
 * The token that the page shows to the server. Whoever runs the server gives it in a link, behind `#token=`: that part of
 * an address is sent to nobody. It is taken out of the address bar at once, so that a copied link does not carry it,
 * and kept for as long as this tab is open.
 */

const KEY = "joinery.token";

/** Where the browser keeps nothing. */
let taken: string | undefined;

/** The token of the address, else the one of before; `undefined` for none. */
export function ownToken(): string | undefined {
  take();
  try {
    return sessionStorage.getItem(KEY) ?? taken;
  } catch {
    return taken;
  }
}

/** Opens the page anew when somebody puts another token into its address. */
export function followToken(): void {
  window.addEventListener("hashchange", () => {
    if (take()) location.reload();
  });
}

/** @returns Whether there was one. */
function take(): boolean {
  const { hash, pathname, search } = location;
  const token = new URLSearchParams(hash.slice(1)).get("token");
  if (token === null) return false;
  taken = token;
  history.replaceState(null, "", pathname + search);
  try {
    sessionStorage.setItem(KEY, token);
  } catch {
    // It is forgotten with the page, which is all that it costs.
  }
  return true;
}
