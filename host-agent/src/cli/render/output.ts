/**
 * The output contract: data on stdout, everything else on stderr; one object, one array, or NDJSON with --json.
 * Names and texts of others are in all of it, so every way out escapes: nothing printed here acts on a terminal.
 */
import { escapeJson, escapeUnsafe, safeJson } from "@maestro/shared/sanitize";
import type { Io } from "../io.ts";
import { renderTable, type Column } from "./table.ts";
import { relativeTime } from "./time.ts";

export type OutputMode = "table" | "json" | "ids";

/** A line, or several. A line feed within one is somebody else's, and escaped like the rest. */
export type Lines = string | readonly string[];

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
  one<T extends object>(value: T, text: (value: T) => Lines, id?: string): void {
    if (this.mode === "json") this.#json(value);
    else if (this.mode === "ids" && id !== undefined) this.#data(id);
    else if (this.mode === "table") this.#data(text(value));
  }

  list<T extends { id: string }>(items: readonly T[], columns: readonly Column<T>[], empty: string): void {
    this.listBy(items, columns, empty, ({ id }) => id);
  }

  /** Of things that are known by something else than an id. */
  listBy<T>(items: readonly T[], columns: readonly Column<T>[], empty: string, idOf: (item: T) => string): void {
    if (this.mode === "json") this.#json(items);
    else if (this.mode === "ids") for (const item of items) this.#data(idOf(item));
    else if (items.length === 0) this.note(empty);
    else this.#data(renderTable(items, columns, this));
  }

  /** One record of a stream: its columns, with tabs between them. Without columns it is an object to everybody. */
  record<T extends object>(value: T, columns: ((value: T) => readonly string[]) | undefined): void {
    if (this.mode === "json" || columns === undefined) this.#json(value);
    else this.raw(`${columns(value).map(escapeUnsafe).join("\t")}\n`);
  }

  /** As it is: a script of ours, a screen that was filtered. */
  raw(text: string): void {
    this.#io.stdout.write(text);
  }

  /** What somebody else answered, whole. A file or a pipe gets it as it came. */
  foreign(text: string, isJson: boolean): void {
    if (!this.#io.stdout.isTTY) this.raw(text);
    else this.raw(isJson ? escapeJson(text) : text.split("\n").map(escapeUnsafe).join("\n"));
  }

  /** For the person at the terminal; never data. Nothing with --json or -q. */
  note(text: string): void {
    if (this.mode === "table") this.#io.stderr.write(`${escapeUnsafe(text)}\n`);
  }

  time(iso: string | undefined): string {
    return this.verbose ? (iso ?? "never") : relativeTime(iso, this.#io.nowMs());
  }

  #json(value: object): void {
    this.raw(`${safeJson(value)}\n`);
  }

  #data(text: Lines): void {
    for (const line of typeof text === "string" ? [text] : text) this.raw(`${escapeUnsafe(line)}\n`);
  }
}
