/** [CH4] Asks for the lines above the screen, and keeps how far that is. */
import type { ViewStore } from "./attachment-view.ts";
import { answered, asked, linesToAsk, unanswered, type Scrollback } from "./scrollback.ts";

export class ScrollbackAsking {
  readonly #view: ViewStore;
  readonly #ask: (lines: number) => boolean;

  /** @param ask false when they cannot be asked for now. */
  constructor(view: ViewStore, ask: (lines: number) => boolean) {
    this.#view = view;
    this.#ask = ask;
  }

  more(): void {
    const lines = linesToAsk(this.#now);
    if (lines !== undefined && this.#ask(lines)) this.#set(asked(this.#now));
  }

  /** @param lines above the screen that came. */
  came(lines: number): void {
    this.#set(answered(this.#now, lines));
  }

  lost(): void {
    this.#set(unanswered(this.#now));
  }

  get #now(): Scrollback {
    return this.#view.get().scrollback;
  }

  #set(scrollback: Scrollback): void {
    if (scrollback !== this.#now) this.#view.set({ scrollback });
  }
}
