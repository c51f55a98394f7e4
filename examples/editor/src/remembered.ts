/**
 * What this browser remembers between visits. Storage can be switched off or full, and reading the property
 * alone can throw; the page then works all the same and merely forgets.
 */

const PREFIX = "joinery.";

export function recall(key: string): string | null {
  try {
    return localStorage.getItem(PREFIX + key);
  } catch {
    return null;
  }
}

export function remember(key: string, value: string): void {
  try {
    localStorage.setItem(PREFIX + key, value);
  } catch {
    // It is forgotten with the page, which is all that it costs.
  }
}
