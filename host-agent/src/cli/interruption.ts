/** Ctrl-C, or a termination, while a command waits for something that goes on without it. */

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

export class Interruption implements Disposable {
  readonly #stop = new AbortController();
  readonly #onSignal = (): void => this.#stop.abort();

  constructor() {
    for (const signal of SIGNALS) process.on(signal, this.#onSignal);
  }

  /** Ends the requests that it is given to. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  get happened(): boolean {
    return this.#stop.signal.aborted;
  }

  [Symbol.dispose](): void {
    for (const signal of SIGNALS) process.off(signal, this.#onSignal);
  }
}
