/**
 * Finds an element of index.html.
 *
 * @param type The class that the caller will treat it as.
 * @throws Error when index.html and the code have drifted apart.
 */
export function pageElement<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`index.html has no ${type.name} with the id "${id}"`);
  return found;
}
