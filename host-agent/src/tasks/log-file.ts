/**
 * One attempt's log on disk. It is read through once, in pieces: what is found of secrets is overwritten in the file itself
 * [LG4], the rest is hashed. Only what lies behind that reading is ever given out, so the edge and the file stay equal.
 */
import { createHash } from "node:crypto";
import { open, type FileHandle } from "node:fs/promises";
import { Redactor, type Redacted } from "./redact.ts";
import { Shapes } from "./redact-shapes.ts";

export interface LogDigest {
  bytes: number;
  sha256: string;
  /** Names of secrets that nobody knew when it was read. */
  unredacted?: string[];
}

/** What is to be blotted out. */
export interface Known {
  /** Kept as patterns in memory only. */
  values: readonly string[];
  /** Names of what may be in it too; with any of them, or where not sure of the values, what looks like a secret goes as well. */
  unknown: readonly string[];
  sure: boolean;
}

export const knownSecrets = (values: readonly string[]): Known => ({ values, unknown: [], sure: true });

const SCAN_BYTES = 256 * 1024;

export class LogFile {
  readonly #path: string;
  #redactor: Redactor | undefined;
  #shapes: Shapes | undefined;
  #unknown: readonly string[] = [];
  readonly #hash = createHash("sha256");
  #handle: FileHandle | undefined;
  #scanned = 0;
  #clean = 0;
  #digest: LogDigest | undefined;
  #broken = false;
  #blotted = false;
  #closed = false;

  /** @param known undefined: nothing is read before `reveal`. */
  constructor(path: string, known: Known | undefined) {
    this.#path = path;
    if (known !== undefined) this.reveal(known);
  }

  /** Once. */
  reveal({ values, unknown, sure }: Known): void {
    this.#redactor ??= new Redactor(values);
    this.#unknown = unknown;
    if (unknown.length > 0 || !sure) this.#shapes = new Shapes();
  }

  /** It is not known yet what is to be blotted out. */
  get withheld(): boolean {
    return this.#redactor === undefined;
  }

  get path(): string {
    return this.#path;
  }
  /** Everything before it may leave the host. */
  get clean(): number {
    return this.#clean;
  }
  get scanned(): number {
    return this.#scanned;
  }

  /** 0 while there is none. */
  async size(): Promise<number> {
    const handle = await this.#open();
    return handle === undefined ? 0 : (await handle.stat()).size;
  }

  /** Reads on by one piece, to `upTo` at most; false when there was nothing more. */
  async scan(upTo: number): Promise<boolean> {
    const redactor = this.#redactor;
    const handle = redactor === undefined ? undefined : await this.#open();
    const length = Math.min(SCAN_BYTES, upTo - this.#scanned);
    if (redactor === undefined || handle === undefined || length <= 0) return false;
    const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(length), 0, length, this.#scanned);
    if (bytesRead === 0) return false;
    this.#scanned += bytesRead;
    const clean = redactor.push(buffer.subarray(0, bytesRead));
    await this.#take(handle, this.#shapes?.push(clean) ?? clean);
    return true;
  }

  /** Nothing comes after what was read: the log's length and digest, for good. */
  async seal(): Promise<LogDigest> {
    if (this.#digest === undefined) {
      const handle = this.#handle;
      const rest = this.#redactor?.flush();
      if (handle !== undefined && !this.#broken && rest !== undefined) await this.#take(handle, this.#shapes?.push(rest, true) ?? rest);
      // The end is written down next, and after that nothing is looked for in this file.
      if (this.#blotted) await handle?.datasync();
      const left = this.#unknown.length === 0 ? {} : { unredacted: [...this.#unknown] };
      this.#digest = { bytes: this.#clean, sha256: this.#hash.digest("hex"), ...left };
      await this.close();
    }
    return this.#digest;
  }

  /** Bytes that are clean; fewer when the file has lost them. An ended log may wait for its link for hours: it holds no descriptor. */
  async read(from: number, to: number): Promise<Uint8Array> {
    const length = Math.min(to, this.#clean) - from;
    const handle = length > 0 ? await openFile(this.#path, "r") : undefined;
    if (handle === undefined) return new Uint8Array(0);
    try {
      const bytes = Buffer.allocUnsafe(length);
      let filled = 0;
      while (filled < length) {
        const { bytesRead } = await handle.read(bytes, filled, length - filled, from + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return bytes.subarray(0, filled);
    } finally {
      await handle.close();
    }
  }

  /** It is not read on. */
  async close(): Promise<void> {
    this.#closed = true;
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close();
  }

  /** The file first: what could not be blotted out there does not become clean. */
  async #take(handle: FileHandle, { bytes, blots }: Redacted): Promise<void> {
    this.#blotted ||= blots.length > 0;
    try {
      for (const { from, to } of blots) await handle.write(bytes, from - this.#clean, to - from, from);
    } catch (cause) {
      this.#broken = true;
      throw cause;
    }
    this.#hash.update(bytes);
    this.#clean += bytes.byteLength;
  }

  async #open(): Promise<FileHandle | undefined> {
    if (this.#handle !== undefined || this.#closed) return this.#handle;
    const handle = await openFile(this.#path, "r+");
    // It was closed meanwhile: nobody else would close this one.
    if (this.#closed) await handle?.close();
    else this.#handle = handle;
    return this.#handle;
  }
}

/** Nothing when it is not there, or not yet. */
async function openFile(path: string, flags: "r" | "r+"): Promise<FileHandle | undefined> {
  try {
    return await open(path, flags);
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined;
    throw cause;
  }
}
