/** Stands in for a whiteboard that hands over all its elements at each change, as Excalidraw does. */

export interface Element {
  readonly id: string;
  /** Greater after each change. */
  readonly version: number;
  readonly isDeleted: boolean;
  readonly label: string;
}

type Listener = (elements: readonly Element[]) => void;

class Scene {
  #elements: readonly Element[] = [];
  readonly #listeners = new Set<Listener>();

  get elements(): readonly Element[] {
    return this.#elements;
  }

  onChange(listener: Listener): void {
    this.#listeners.add(listener);
  }

  /** Tells of it too, as if somebody had drawn. */
  updateScene({ elements }: { readonly elements: readonly Element[] }): void {
    this.#elements = elements;
    for (const listener of this.#listeners) listener(elements);
  }

  /** What somebody draws. */
  draw(id: string, label: string): void {
    this.#change(id, { label, isDeleted: false });
  }

  erase(id: string): void {
    this.#change(id, { isDeleted: true });
  }

  #change(id: string, change: Partial<Element>): void {
    const before = this.#elements.find((element) => element.id === id);
    const { version = 0, isDeleted = false, label = "" } = before ?? {};
    const element = { id, isDeleted, label, ...change, version: version + 1 };
    this.updateScene({ elements: [...this.#elements.filter((other) => other !== before), element] });
  }
}

export const scene = new Scene();
