/** One request at a time, behind a button: busy, refused, or in want of a fresh sign-in; and where a refusal is told that comes late. */
import type { Result } from "@maestro/shared/result";
import type { ApiError } from "../api/client.ts";

export type AskingState =
  | { type: "ready" }
  | { type: "busy" }
  | { type: "refused"; error: ApiError }
  /** The server wants a fresh sign-in; `again` repeats what was asked. */
  | { type: "step-up"; again: () => void };

interface Around {
  /** Called when something is asked for; what it returns, whether a refusal may be shown in its place by then. */
  asked: () => () => boolean;
  /** Tells a refusal beside what its asker does by then. */
  tell: (error: ApiError) => void;
}

export class Asking {
  #state: AskingState = { type: "ready" };
  #here = true;
  readonly #around: Around;
  readonly #listeners = new Set<() => void>();

  constructor(around: Around) {
    this.#around = around;
  }

  readonly state = (): AskingState => this.#state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Where it is shown has come, or is gone: closed, or another page. */
  enter(): void {
    this.#here = true;
  }
  leave(): void {
    this.#here = false;
  }

  readonly run = <T>(work: () => Promise<Result<T, ApiError>>, done: (value: T) => void): void => {
    const mayShow = this.#around.asked();
    const mine: AskingState = { type: "busy" };
    this.#set(mine);
    void work().then((result) => {
      // What was asked for since then has the place, and keeps it.
      const isLast = this.#state === mine;
      if (result.ok) {
        if (isLast) this.#set({ type: "ready" });
        done(result.value);
      } else if (isLast) this.#refused(result.error, () => this.run(work, done), mayShow());
      else this.#around.tell(result.error);
    }); // every refusal is a value
  };

  /** Of what is on its way the answer is awaited all the same. */
  readonly clear = (): void => {
    if (this.#state.type !== "busy") this.#set({ type: "ready" });
  };

  #refused(error: ApiError, again: () => void, mayShow: boolean): void {
    if (error.code === "step_up_required") {
      // Cancelled meanwhile, a sign-in that succeeds late repeats nothing.
      const wanted: AskingState = { type: "step-up", again: () => void (this.#state === wanted && again()) };
      return this.#set(wanted);
    }
    if (this.#here && mayShow) return this.#set({ type: "refused", error });
    this.#set({ type: "ready" });
    this.#around.tell(error);
  }

  #set(state: AskingState): void {
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }
}
