/** The main thread's side of the screens: feeds the worker from rings, within bounds, and asks it. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import type { FromScreen, ToScreen } from "./screen-protocol.ts";
import type { ScreenState } from "./screen-terminal.ts";

/** A bundler makes the worker a file of its own, beside the bundle, under the second name. */
const SCREEN_WORKER_SOURCE = "screen-worker.ts";
const SCREEN_WORKER_BUNDLE = "screen-worker.js";

export interface ScreenListener {
  parsed(offset: number): void;
  title(title: string): void;
  /** What a terminal would have answered the program at this point of its output. */
  reply(text: string): void;
  /** The worker died and is back, empty: everything must be fed again. */
  lost(): void;
}

export class ScreenHost {
  readonly #listeners = new Map<number, ScreenListener>();
  readonly #waiting = new Map<number, (state: ScreenState | undefined) => void>();
  readonly #onFailure: (detail: string) => void;
  #worker: Worker;
  #lastScreen = 0;
  #lastRequest = 0;
  #closed = false;

  constructor(onFailure: (detail: string) => void) {
    this.#onFailure = onFailure;
    this.#worker = this.#start();
  }

  open(cols: number, rows: number, offset: number, listener: ScreenListener): number {
    const screen = ++this.#lastScreen;
    this.#listeners.set(screen, listener);
    this.#post({ t: "open", screen, cols, rows, offset });
    return screen;
  }

  /** Empties the screen: what is written next begins at `offset`. */
  reopen(screen: number, cols: number, rows: number, offset: number): void {
    this.#post({ t: "open", screen, cols, rows, offset });
  }

  write(screen: number, bytes: Uint8Array): void {
    const copy = Uint8Array.from(bytes);
    this.#worker.postMessage({ t: "write", screen, bytes: copy } satisfies ToScreen, [copy.buffer]);
  }

  resize(screen: number, cols: number, rows: number): void {
    this.#post({ t: "resize", screen, cols, rows });
  }

  /** Undefined when the screen or the worker is gone. */
  snapshot(screen: number, lines: number): Promise<ScreenState | undefined> {
    return this.#ask((id) => ({ t: "snapshot", screen, id, lines }));
  }

  text(screen: number): Promise<ScreenState | undefined> {
    return this.#ask((id) => ({ t: "text", screen, id }));
  }

  dispose(screen: number): void {
    this.#listeners.delete(screen);
    this.#post({ t: "close", screen });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#forgetRequests();
    await this.#worker.terminate();
  }

  #ask(message: (id: number) => ToScreen): Promise<ScreenState | undefined> {
    if (this.#closed) return Promise.resolve(undefined);
    const id = ++this.#lastRequest;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#post(message(id));
    });
  }

  #post(message: ToScreen): void {
    this.#worker.postMessage(message);
  }

  #start(): Worker {
    const worker = new Worker(workerUrl());
    worker.on("message", (message: FromScreen) => this.#receive(message));
    worker.on("error", (cause) => this.#onFailure(`the screen thread failed: ${cause instanceof Error ? cause.message : String(cause)}`));
    worker.once("exit", () => this.#restart());
    return worker;
  }

  #restart(): void {
    if (this.#closed) return;
    this.#forgetRequests();
    this.#worker = this.#start();
    for (const listener of this.#listeners.values()) listener.lost();
  }

  #forgetRequests(): void {
    for (const resolve of this.#waiting.values()) resolve(undefined);
    this.#waiting.clear();
  }

  #receive(message: FromScreen): void {
    switch (message.t) {
      case "parsed":
        return this.#listeners.get(message.screen)?.parsed(message.offset);
      case "title":
        return this.#listeners.get(message.screen)?.title(message.title);
      case "reply":
        return this.#listeners.get(message.screen)?.reply(message.text);
      case "state": {
        const resolve = this.#waiting.get(message.id);
        this.#waiting.delete(message.id);
        return resolve?.(message.state);
      }
    }
  }
}

/** From the sources the worker is TypeScript; from the bundle it lies beside it. */
function workerUrl(): URL {
  const bundled = new URL(SCREEN_WORKER_BUNDLE, import.meta.url);
  return import.meta.url.endsWith(".ts") || !existsSync(fileURLToPath(bundled)) ? new URL(SCREEN_WORKER_SOURCE, import.meta.url) : bundled;
}
