import type { LiveEvent, LivePerson } from "./live-event.ts";

/** Who is there, as far as it was told; of more than this many nobody keeps count. */
const MAX_PEOPLE = 10_000;

export interface PeopleChange {
  readonly joined: readonly LivePerson[];
  readonly changed: readonly LivePerson[];
  readonly left: readonly LivePerson[];
}

/** Remembers who is there, to tell who came and went while nobody told. */
export class People {
  readonly #byId = new Map<number, LivePerson>();

  take({ isAll, joined, changed, left }: Extract<LiveEvent, { kind: "presence" }>): PeopleChange {
    const here = [...joined, ...changed];
    const ids = new Set(here.map(({ clientId }) => clientId));
    const gone = isAll ? [...this.#byId.keys()].filter((id) => !ids.has(id)) : left;
    const change = {
      joined: here.filter(({ clientId }) => !this.#byId.has(clientId)),
      // Of whom was told before, only what is new is told again.
      changed: (isAll ? [] : here).filter(({ clientId }) => this.#byId.has(clientId)),
      left: gone.flatMap((id) => this.#byId.get(id) ?? []),
    };
    for (const id of gone) this.#byId.delete(id);
    for (const person of here) {
      if (this.#byId.size < MAX_PEOPLE || this.#byId.has(person.clientId))
        this.#byId.set(person.clientId, person);
    }
    return change;
  }
}
