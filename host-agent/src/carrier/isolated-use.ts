/** Which containers that were made for workspaces are worked in, or are about to be, and which of them something is kept of. */
import type { AttemptStore } from "../tasks/attempt-store.ts";

/** Containers of attempts that are kept here, and of open sessions: `working` of those that have not ended. */
export interface InUse {
  working: ReadonlySet<string>;
  kept: ReadonlySet<string>;
}

/** For whom a container is made ready. `task`: an attempt. */
export interface Claimant {
  by: "task" | "session";
  id: string;
}

/** Asked often, of attempts of weeks: what is over stays so, and is read once. */
export class IsolatedUse {
  readonly #store: Pick<AttemptStore, "list" | "read">;
  readonly #sessions: () => ReadonlySet<string>;
  #over = new Map<string, string | undefined>();
  /** Of which nothing is noted yet. */
  readonly #claims = new Map<string, { by: Claimant["by"]; container: string }>();

  /** @param sessions those of open ones. */
  constructor(store: Pick<AttemptStore, "list" | "read">, sessions: () => ReadonlySet<string>) {
    this.#store = store;
    this.#sessions = sessions;
  }

  /** It runs, and is about to be worked in: an attempt's until that is launched or over, a session's until it is released. */
  claim({ by, id }: Claimant, container: string): void {
    this.#claims.set(id, { by, container });
  }

  release({ id }: Claimant): void {
    this.#claims.delete(id);
  }

  /** @param but of whoever asks nothing counts. */
  look(but?: string): InUse {
    const working = new Set(this.#sessions());
    const over = new Map<string, string | undefined>();
    const unlaunched = new Set<string>();
    for (const attempt of this.#store.list()) {
      if (this.#over.has(attempt)) {
        over.set(attempt, this.#over.get(attempt));
        continue;
      }
      const { launch, end } = this.#store.read(attempt);
      const container = launch?.isolated === true ? launch.container : undefined;
      if (end !== undefined) over.set(attempt, container);
      else if (container !== undefined && attempt !== but) working.add(container);
      if (end === undefined && launch === undefined) unlaunched.add(attempt);
    }
    this.#over = over;
    for (const [id, { by, container }] of this.#claims)
      if (by === "task" && !unlaunched.has(id)) this.#claims.delete(id);
      else if (id !== but) working.add(container);
    return { working, kept: new Set([...working, ...[...over.values()].flatMap((container) => container ?? [])]) };
  }
}
