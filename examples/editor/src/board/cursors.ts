/** Where the others point, with their names, and what they are drawing right now. */

import type { CheckedAwareness } from "../checked-awareness.ts";
import type { Camera } from "./camera.ts";
import type { BoardElement } from "./element.ts";
import type { Point } from "./geometry.ts";
import { type BoardPresence, readBoardPresence } from "./presence.ts";

/** More cursors than that hide the board. */
const MAX_CURSORS = 40;

interface Other {
  readonly announced: unknown;
  readonly presence: BoardPresence;
  readonly flag: HTMLElement;
}

export class Cursors {
  readonly #awareness: CheckedAwareness;
  readonly #camera: Camera;
  readonly #parent: HTMLElement;
  readonly #others = new Map<number, Other>();

  /** @param onDrafts Told what the others are drawing, whenever that changes. */
  constructor(
    parent: HTMLElement,
    awareness: CheckedAwareness,
    camera: Camera,
    onDrafts: (drafts: readonly BoardElement[]) => void,
  ) {
    this.#parent = parent;
    this.#awareness = awareness;
    this.#camera = camera;
    awareness.on("change", () => {
      this.#refresh();
      onDrafts(this.#drafts());
    });
    this.#refresh();
  }

  /** Puts all flags where they belong after the view has moved. */
  place(): void {
    for (const { flag, presence } of this.#others.values()) this.#place(flag, presence.pointer);
  }

  #drafts(): BoardElement[] {
    return [...this.#others.values()].flatMap(({ presence }) => presence.draft ?? []);
  }

  #refresh(): void {
    const here = new Set<number>();
    for (const [clientId, { user, board }] of this.#awareness.getStates()) {
      if (clientId === this.#awareness.clientID || board === undefined) continue;
      if (here.size >= MAX_CURSORS) break;
      here.add(clientId);
      const known = this.#others.get(clientId);
      // Reading a long line again for each cursor that moves elsewhere would add up.
      const presence = known?.announced === board ? known.presence : readBoardPresence(board, clientId);
      const flag = known?.flag ?? this.#createFlag(clientId);
      flag.style.setProperty("--person", user.color);
      const name = flag.lastElementChild as HTMLElement;
      if (name.textContent !== user.name) name.textContent = user.name;
      this.#place(flag, presence.pointer);
      this.#others.set(clientId, { announced: board, presence, flag });
    }
    for (const [clientId, { flag }] of this.#others) {
      if (here.has(clientId)) continue;
      flag.remove();
      this.#others.delete(clientId);
    }
  }

  #place(flag: HTMLElement, pointer: Point | undefined): void {
    flag.hidden = pointer === undefined;
    if (pointer === undefined) return;
    const { x, y } = this.#camera.toView(pointer);
    flag.style.transform = `translate(${x}px, ${y}px)`;
  }

  #createFlag(clientId: number): HTMLElement {
    const flag = document.createElement("div");
    flag.className = "board-cursor";
    flag.dataset.client = String(clientId);
    flag.innerHTML =
      '<svg viewBox="0 0 16 16" aria-hidden="true"><path d="M1.5 1.5l4.4 12.4 2.3-5.7 5.7-2.3z"/></svg>';
    const name = document.createElement("bdi");
    name.className = "board-cursor-name";
    flag.append(name);
    this.#parent.append(flag);
    return flag;
  }
}
