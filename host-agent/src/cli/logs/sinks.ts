/** Where a log goes: to a person, as bytes, as records, into a file. */
import { createHash, randomBytes } from "node:crypto";
import { open, rename, rm, type FileHandle } from "node:fs/promises";
import * as path from "node:path";
import { fail } from "@maestro/shared/errors";
import { safeJson } from "@maestro/shared/sanitize";
import { errnoOf } from "../../daemon/durable-file.ts";
import type { Io } from "../io.ts";
import { LogFilter } from "./log-filter.ts";
import { LineSplitter, type LogLine } from "./lines.ts";
import { TalkFilter } from "./talk-filter.ts";
import type { LogChunk } from "./read.ts";

export interface LogSink {
  write(chunk: LogChunk): Promise<void>;
  end(): Promise<void>;
}

/** Waits for who reads: a log may be larger than memory. */
function writeAll(stream: NodeJS.WriteStream, data: Uint8Array | string): Promise<void> {
  if (data.length === 0) return Promise.resolve();
  return new Promise((resolve) => {
    if (stream.write(data)) resolve();
    else stream.once("drain", resolve);
  });
}

export const rawSink = ({ stdout }: Io): LogSink => ({
  write: ({ bytes }) => writeAll(stdout, bytes),
  end: () => Promise.resolve(),
});

export function readableSink({ stdout, env }: Io): LogSink {
  const talk = new TalkFilter();
  const filter = new LogFilter({ colours: stdout.isTTY && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb" });
  return {
    write: ({ bytes }) => writeAll(stdout, filter.write(talk.write(bytes))),
    end: () => writeAll(stdout, filter.write(talk.end()) + filter.end()),
  };
}

/** [57] */
export function recordSink({ stdout }: Io): LogSink {
  const splitter = new LineSplitter();
  const tell = (lines: Iterable<LogLine>): Promise<void> => writeAll(stdout, [...lines].map((line) => `${safeJson(line)}\n`).join(""));
  return { write: ({ offset, bytes }) => tell(splitter.write(offset, bytes)), end: () => tell(splitter.end()) };
}

/** The whole file or none: beside its name, then renamed to it. 0600. */
export class FileSink implements LogSink, AsyncDisposable {
  readonly #file: string;
  readonly #temporary: string;
  readonly #handle: FileHandle;
  /** Undefined: the very bytes. */
  readonly #readable: { talk: TalkFilter; filter: LogFilter } | undefined;
  readonly #digest = createHash("sha256");
  #bytes = 0;

  private constructor(file: string, temporary: string, handle: FileHandle, raw: boolean) {
    this.#file = file;
    this.#temporary = temporary;
    this.#handle = handle;
    this.#readable = raw ? undefined : { talk: new TalkFilter(), filter: new LogFilter({ colours: false }) };
  }

  static async create(file: string, raw: boolean): Promise<FileSink> {
    const temporary = path.join(path.dirname(file), `.${path.basename(file)}.${randomBytes(4).toString("hex")}.tmp`);
    try {
      return new FileSink(file, temporary, await open(temporary, "wx", 0o600), raw);
    } catch (cause) {
      throw unwritable(file, cause);
    }
  }

  async write({ bytes }: LogChunk): Promise<void> {
    this.#digest.update(bytes);
    this.#bytes += bytes.byteLength;
    await this.#put(this.#readable === undefined ? bytes : this.#readable.filter.write(this.#readable.talk.write(bytes)));
  }

  async #put(data: Uint8Array | string): Promise<void> {
    try {
      await this.#handle.writeFile(data);
    } catch (cause) {
      throw unwritable(this.#file, cause);
    }
  }

  /** Of what came, before anything was filtered. */
  get came(): { bytes: number; sha256: string } {
    return { bytes: this.#bytes, sha256: this.#digest.copy().digest("hex") };
  }

  async end(): Promise<void> {
    if (this.#readable !== undefined) await this.#put(this.#readable.filter.write(this.#readable.talk.end()));
    try {
      await this.#handle.sync();
      await this.#handle.close();
      await rename(this.#temporary, this.#file);
    } catch (cause) {
      throw unwritable(this.#file, cause);
    }
  }

  /** What was not ended leaves nothing. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close().catch(() => undefined);
    await rm(this.#temporary, { force: true });
  }
}

const unwritable = (file: string, cause: unknown) =>
  fail(
    errnoOf(cause) === "ENOSPC" ? "disk_full" : "field_invalid",
    `'${file}' cannot be written (${errnoOf(cause) ?? "unknown reason"}).`,
    { field: "output", hint: "Name another file: --output <file>" },
    cause,
  );
