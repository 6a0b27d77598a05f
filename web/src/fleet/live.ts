/** One answer of the API that is kept fresh: fetched again when an event concerns it, and now and then. */
import type { FleetEvent } from "@maestro/shared/contract/resources";
import type { Result } from "@maestro/shared/result";
import type { ApiError } from "../api/client.ts";

export interface LiveView<T> {
  value: T | undefined;
  /** `stale`: `value` is shown, but it could not be fetched again. */
  load: { type: "loading" } | { type: "ready" } | { type: "failed"; error: ApiError } | { type: "stale"; error: ApiError };
  /** Unix ms; when `value` was asked for. */
  fetchedAtMs: number | undefined;
}

export interface LiveSource<T> {
  fetch(): Promise<Result<T, ApiError>>;
  concerns(event: FleetEvent, value: T | undefined): boolean;
  /** What changes without an event is fetched so often; undefined: it does not. */
  everyMs(value: T | undefined): number | undefined;
}

/** What a page is in: its feed, and whether somebody looks at it. */
export interface Surroundings {
  onNews(hearer: (event: FleetEvent | undefined) => void): () => void;
  visible(): boolean;
  onVisible(listener: () => void): () => void;
}

/** Several events of one action come together; one fetch serves them. */
const SETTLE_MS = 80;
const AT_MOST_EVERY_MS = 1_000;
/** After a failure it is tried again so often, whatever `everyMs` says. */
const FAILED_EVERY_MS = 5_000;

export const nothingYet: LiveView<never> = { value: undefined, load: { type: "loading" }, fetchedAtMs: undefined };

export class Live<T> {
  readonly #source: LiveSource<T>;
  readonly #around: Surroundings;
  readonly #listeners = new Set<() => void>();
  readonly #ends: (() => void)[];
  #view: LiveView<T> = nothingYet;
  #fetching = false;
  /** Asked for while it fetched: how long after it, ms. */
  #again: number | undefined;
  #disposed = false;
  #lastMs = -Infinity;
  #soon: ReturnType<typeof setTimeout> | undefined;
  #later: ReturnType<typeof setTimeout> | undefined;

  constructor(source: LiveSource<T>, around: Surroundings) {
    this.#source = source;
    this.#around = around;
    this.#ends = [
      around.onNews((event) => (event === undefined || source.concerns(event, this.#view.value)) && this.refresh()),
      around.onVisible(() => this.refresh()),
    ];
    void this.#fetch(); // failures become `load`
  }

  readonly view = (): LiveView<T> => this.#view;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Soon; however often it is called, at most once a second. */
  refresh(): void {
    this.#schedule(Math.max(SETTLE_MS, this.#lastMs + AT_MOST_EVERY_MS - performance.now()));
  }

  /** Now: somebody did something and waits for what comes of it. */
  refreshNow(): void {
    this.#schedule(0);
  }

  /** What a write answered is newer than what was fetched. */
  put(value: T): void {
    this.#set({ ...this.#view, value });
    this.refresh();
  }

  dispose(): void {
    this.#disposed = true;
    clearTimeout(this.#soon);
    clearTimeout(this.#later);
    for (const end of this.#ends) end();
  }

  #schedule(ms: number): void {
    if (this.#disposed) return;
    if (this.#fetching) {
      this.#again = Math.min(this.#again ?? AT_MOST_EVERY_MS, ms);
      return;
    }
    if (ms > 0 && this.#soon !== undefined) return;
    clearTimeout(this.#soon);
    this.#soon = setTimeout(() => void this.#fetch(), ms); // failures become `load`
  }

  async #fetch(): Promise<void> {
    this.#fetching = true;
    this.#again = undefined;
    clearTimeout(this.#soon);
    clearTimeout(this.#later);
    this.#soon = undefined;
    const fetchedAtMs = Date.now();
    const result = await this.#source.fetch();
    if (this.#disposed) return;
    this.#fetching = false;
    this.#lastMs = performance.now();
    if (result.ok) this.#set({ value: result.value, load: { type: "ready" }, fetchedAtMs });
    else this.#set({ ...this.#view, load: { type: this.#view.value === undefined ? "failed" : "stale", error: result.error } });
    if (this.#again !== undefined) return this.#schedule(this.#again);
    const every = result.ok ? this.#source.everyMs(result.value) : FAILED_EVERY_MS;
    if (every !== undefined) this.#later = setTimeout(() => this.#around.visible() && this.refresh(), every);
  }

  #set(view: LiveView<T>): void {
    this.#view = view;
    for (const listener of this.#listeners) listener();
  }
}
