/** The output contract: data on stdout, everything else on stderr; one object, one array, or NDJSON with --json. */
import { escapeUnsafe } from "@maestro/shared/sanitize";
import type { Io } from "../io.ts";
import { renderTable, type Column } from "./table.ts";
import { relativeTime } from "./time.ts";

export type OutputMode = "table" | "json" | "ids";

export interface OutputOptions {
  mode: OutputMode;
  verbose: boolean;
}

export class Output {
  readonly mode: OutputMode;
  readonly verbose: boolean;
  readonly #io: Io;

  constructor(io: Io, { mode, verbose }: OutputOptions) {
    this.#io = io;
    this.mode = mode;
    this.verbose = verbose;
  }

  /** One thing. `text` is asked for only when a person reads. */
  one<T extends object>(value: T, text: (value: T) => string, id?: string): void {
    if (this.mode === "json") this.#data(JSON.stringify(value));
    else if (this.mode === "ids" && id !== undefined) this.#data(id);
    else if (this.mode === "table") this.#data(text(value));
  }

  list<T extends { id: string }>(items: readonly T[], columns: readonly Column<T>[], empty: string): void {
    if (this.mode === "json") this.#data(JSON.stringify(items));
    else if (this.mode === "ids") for (const { id } of items) this.#data(id);
    else if (items.length === 0) this.note(empty);
    else this.#data(renderTable(items, columns, this));
  }

  /** One record of a stream. */
  record<T extends object>(value: T, text: (value: T) => string): void {
    this.#data(this.mode === "json" ? JSON.stringify(value) : text(value));
  }

  /** Bytes as they are: a screen, a script, an answer of `api`. */
  raw(text: string | Uint8Array): void {
    this.#io.stdout.write(text);
  }

  /** For the person at the terminal; never data. Nothing with --json or -q. */
  note(text: string): void {
    if (this.mode === "table") this.#io.stderr.write(`${escapeUnsafe(text)}\n`);
  }

  time(iso: string | undefined): string {
    return this.verbose ? (iso ?? "never") : relativeTime(iso, this.#io.nowMs());
  }

  #data(text: string): void {
    this.#io.stdout.write(`${text}\n`);
  }
}
