/** Stands in for a whiteboard that keeps its elements in a store, which tells what changed, as tldraw does. */

export interface Shape {
  readonly id: string;
  readonly label: string;
}

interface Changes {
  readonly added: Readonly<Record<string, Shape>>;
  readonly updated: Readonly<Record<string, readonly [from: Shape, to: Shape]>>;
  readonly removed: Readonly<Record<string, Shape>>;
}

type Listener = (entry: { readonly changes: Changes }) => void;

class Store {
  readonly #shapes = new Map<string, Shape>();
  readonly #listeners = new Set<Listener>();
  #isRemote = false;

  get shapes(): readonly Shape[] {
    return [...this.#shapes.values()];
  }

  /** Calls back for what the person in front of it does, not for what others did. */
  listen(listener: Listener, _options: { readonly source: "user" }): void {
    this.#listeners.add(listener);
  }

  /** What is done in it was done by others. */
  mergeRemoteChanges(change: () => void): void {
    this.#isRemote = true;
    change();
    this.#isRemote = false;
  }

  put(shapes: readonly Shape[]): void {
    for (const shape of shapes) {
      const before = this.#shapes.get(shape.id);
      this.#shapes.set(shape.id, shape);
      this.#tell(before ? { updated: { [shape.id]: [before, shape] } } : { added: { [shape.id]: shape } });
    }
  }

  remove(ids: readonly string[]): void {
    for (const id of ids) {
      const before = this.#shapes.get(id);
      if (this.#shapes.delete(id) && before) this.#tell({ removed: { [id]: before } });
    }
  }

  #tell(changes: Partial<Changes>): void {
    if (this.#isRemote) return;
    const entry = { changes: { added: {}, updated: {}, removed: {}, ...changes } };
    for (const listener of this.#listeners) listener(entry);
  }
}

export const store = new Store();
