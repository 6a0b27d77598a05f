/** Which containers that were made for workspaces are worked in, and which of them something is kept of. */
import type { AttemptStore } from "../tasks/attempt-store.ts";
import type { InUse } from "./isolated-containers.ts";

/** Asked often, of attempts of weeks: what is over stays so, and is read once. */
export class IsolatedUse {
  readonly #store: Pick<AttemptStore, "list" | "read">;
  readonly #sessions: () => ReadonlySet<string>;
  #over = new Map<string, string | undefined>();

  /** @param sessions those of open ones. */
  constructor(store: Pick<AttemptStore, "list" | "read">, sessions: () => ReadonlySet<string>) {
    this.#store = store;
    this.#sessions = sessions;
  }

  look(): InUse {
    const working = new Set(this.#sessions());
    const over = new Map<string, string | undefined>();
    for (const attempt of this.#store.list()) {
      if (this.#over.has(attempt)) {
        over.set(attempt, this.#over.get(attempt));
        continue;
      }
      const { launch, end } = this.#store.read(attempt);
      const container = launch?.isolated === true ? launch.container : undefined;
      if (end !== undefined) over.set(attempt, container);
      else if (container !== undefined) working.add(container);
    }
    this.#over = over;
    return { working, kept: new Set([...working, ...[...over.values()].flatMap((container) => container ?? [])]) };
  }
}
