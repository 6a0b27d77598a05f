/** Follows one attempt's log into a window: `run` around a fallible read, by offset, until the log is complete. */
import type { Result } from "@maestro/shared/result";
import type { ApiError } from "../api/client.ts";
import { consoleDelayMs } from "../net/backoff.ts";
import { LogWindow } from "./log-window.ts";
import type { PlacedChunk } from "./placed-chunks.ts";

export interface LogPart {
  /** Of the first byte. */
  start: number;
  /** So long is the log as far as it is known. */
  bytes: number;
  /** The program has ended and nothing will be added. */
  complete: boolean;
  chunks: AsyncIterable<PlacedChunk>;
}

export interface LogQuery {
  offset?: number;
  tailLines?: number;
  follow?: true;
}

export interface LogSource {
  open(query: LogQuery, signal: AbortSignal): Promise<Result<LogPart, ApiError>>;
  /** Whether the attempt may still write. */
  lives(): boolean;
  changed(): void;
  /** In [0, 1). */
  random(): number;
}

export type LogState =
  | { type: "opening" }
  | { type: "following" }
  /** Nothing was written yet. */
  | { type: "empty" }
  | { type: "waiting"; why: string }
  | { type: "complete"; bytes: number }
  | { type: "failed"; error: ApiError };

/** What is shown at first: enough to scroll in, soon there. Fewer lines when they are long. */
const FIRST_LINES = [2_000, 200, 20, 1] as const;
const FIRST_BYTES = 1024 * 1024;
const EARLIER_BYTES = 512 * 1024;
/** A line longer than this is begun in its middle. */
const MOST_EARLIER_BYTES = 8 * 1024 * 1024;
/** A log that is not there yet is asked for again so often; also the pause after a stream that ended although the log did not. */
const AGAIN_MS = 1_000;

export class LogReader {
  readonly window: LogWindow;
  state: LogState = { type: "opening" };
  /** Of the part before the window. */
  earlier: { type: "ready" } | { type: "loading" } | { type: "failed"; error: ApiError } = { type: "ready" };
  /** Rises with everything that changes what is shown. */
  version = 0;
  readonly #source: LogSource;
  readonly #abort = new AbortController();
  #round = new AbortController();
  #wake = (): void => undefined;
  #failures = 0;
  #tries = 0;

  constructor(source: LogSource, window = new LogWindow()) {
    this.#source = source;
    this.window = window;
    void this.#run(); // every outcome is a state
  }

  /** The network may be back, or the attempt has ended: ask at once, from where it stands. */
  nudge(): void {
    if (this.state.type === "complete") return;
    this.#round.abort();
    this.#wake();
    if (this.state.type === "failed") void this.#run(); // every outcome is a state
  }

  dispose(): void {
    this.#abort.abort();
    this.#round.abort();
    this.#wake();
  }

  /** The part of the log before what is here. */
  async loadEarlier(): Promise<void> {
    const { start } = this.window;
    if (start === undefined || start === 0 || this.earlier.type === "loading" || !this.window.canGrow) return;
    this.#set({ earlier: { type: "loading" } });
    for (let wanted = EARLIER_BYTES; ; wanted *= 2) {
      const from = Math.max(0, start - wanted);
      const read = await this.#piece(from, start);
      if (this.#abort.signal.aborted) return;
      if (!read.ok) return this.#set({ earlier: { type: "failed", error: read.error } });
      // A single line may be longer than what was asked for.
      const enough = this.window.prepend(read.value.bytes, read.value.offset) || from === 0 || wanted >= MOST_EARLIER_BYTES;
      if (enough) return this.#set({ earlier: { type: "ready" } });
    }
  }

  async #piece(from: number, until: number): Promise<Result<PlacedChunk, ApiError>> {
    const abort = new AbortController();
    const stop = (): void => abort.abort();
    this.#abort.signal.addEventListener("abort", stop);
    try {
      const part = await this.#source.open({ offset: from }, abort.signal);
      if (!part.ok) return part;
      let bytes = new Uint8Array(0);
      let begin = until;
      let end = from;
      for await (const chunk of part.value.chunks) {
        // What stands before a part that was left out does not stand before what is here.
        if (chunk.offset !== end || begin === until) {
          begin = Math.min(until, chunk.offset);
          bytes = new Uint8Array(until - begin);
        }
        bytes.set(chunk.bytes.subarray(0, Math.max(0, until - chunk.offset)), Math.min(chunk.offset, until) - begin);
        end = chunk.offset + chunk.bytes.byteLength;
        if (end >= until) return { ok: true, value: { offset: begin, bytes } };
      }
      return { ok: false, error: cut };
    } catch {
      return { ok: false, error: cut };
    } finally {
      this.#abort.signal.removeEventListener("abort", stop);
      abort.abort();
    }
  }

  async #run(): Promise<void> {
    this.#set({ state: { type: "opening" } });
    while (!this.#abort.signal.aborted) {
      this.#round = new AbortController();
      const outcome = await this.#read(this.#round.signal);
      if (this.#abort.signal.aborted) return;
      switch (outcome.type) {
        case "complete":
        case "failed":
          return this.#set({ state: outcome });
        case "again":
          break;
        case "empty":
          if (!this.#source.lives()) return this.#set({ state: { type: "complete", bytes: 0 } });
          this.#set({ state: { type: "empty" } });
          await this.#sleep(AGAIN_MS);
          break;
        case "paused":
          await this.#sleep(AGAIN_MS);
          break;
        case "waiting":
          this.#set({ state: outcome });
          await this.#sleep(consoleDelayMs(++this.#failures, this.#source.random()));
          break;
      }
    }
  }

  async #read(signal: AbortSignal): Promise<Outcome> {
    const { window } = this;
    const begun = window.start !== undefined;
    const tailLines = FIRST_LINES[this.#tries] ?? 1;
    const part = await this.#source.open(begun ? { offset: window.end, follow: true } : { tailLines, follow: true }, signal);
    if (signal.aborted) return { type: "again" };
    if (!part.ok) return refusedAs(part.error);
    const { start, bytes, complete, chunks } = part.value;
    if (!begun && bytes - start > FIRST_BYTES && tailLines > 1) {
      this.#round.abort();
      this.#tries++;
      return { type: "again" };
    }
    window.begin(start);
    this.#set({ state: { type: "following" } });
    const before = window.end;
    try {
      for await (const chunk of chunks) {
        this.#failures = 0;
        window.append(chunk.bytes, chunk.offset);
        this.#set({});
      }
    } catch {
      return signal.aborted ? { type: "again" } : { type: "waiting", why: cut.detail };
    }
    if (complete && window.end >= bytes) return { type: "complete", bytes: window.end };
    return window.end > before ? { type: "again" } : { type: "paused" };
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #set(change: { state?: LogState; earlier?: LogReader["earlier"] }): void {
    Object.assign(this, change);
    this.version++;
    this.#source.changed();
  }
}

/** What one try to read came to. `paused`: nothing came, although there will be more. */
type Outcome = Exclude<LogState, { type: "opening" | "following" }> | { type: "again" } | { type: "paused" };

const cut: ApiError = { code: "server_unreachable", detail: "The connection was lost.", hint: "It goes on by itself." };

/** What passes by itself. */
const PASSING: readonly string[] = ["server_unreachable", "internal", "rate_limited", "timeout", "host_unreachable"];

function refusedAs(error: ApiError): Outcome {
  if (error.code === "log_not_found") return { type: "empty" };
  return PASSING.includes(error.code) ? { type: "waiting", why: error.detail } : { type: "failed", error };
}
