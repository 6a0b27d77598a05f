/**
 * The rows of one log. A small one is a single value, bytes and record together, and costs a row each time it is written;
 * what outgrows that is pieces in a table, by offset. A log which somebody asks for in vain leaves nothing.
 */
import * as z from "zod";
import { cut, omittedOf, pieceAt, surplus, trimmed, type Piece } from "../../domain/logs/log-layout.ts";
import type { LogLimits } from "../../domain/logs/log-limits.ts";

/** What is not told by the pieces themselves. Written on transitions only; `v` is the schema of the whole. */
const Record = z.object({
  v: z.literal(1),
  /** [LG2] The host left out what lies before this. */
  skippedTo: z.number().optional(),
  end: z
    .object({ log: z.object({ bytes: z.number(), sha256: z.string() }).optional(), status: z.string(), exitCode: z.number().nullable() })
    .optional(),
  /** Of the digest: `again`: it differed once, and all was asked for once more. */
  check: z.enum(["again", "same", "differs"]).optional(),
  revoked: z.array(z.object({ credential: z.string(), untilMs: z.number() })).optional(),
});
export type LogRecord = z.infer<typeof Record>;

/** The value of a small log; of a larger one only its record. */
const Value = z.object({ record: Record, bytes: z.instanceof(Uint8Array) });
const KEY = "log";
const NONE = new Uint8Array(0);

export class ChunkStore {
  readonly #storage: DurableObjectStorage;
  readonly #sql: SqlStorage;
  /** Whether there is a table. */
  #made = false;
  /** All bytes of a log that has none. */
  #small: Uint8Array = NONE;
  #pieces: Piece[] = [];
  #record: LogRecord = { v: 1 };

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    this.#sql = storage.sql;
    this.reload();
  }

  /** From the rows: after a change that failed, or after `deleteAll`. */
  reload(): void {
    const value = Value.safeParse(this.#storage.kv.get(KEY));
    this.#record = value.success ? value.data.record : { v: 1 };
    this.#small = value.success ? value.data.bytes : NONE;
    this.#made = this.#sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'log'").toArray().length > 0;
    this.#pieces = this.#made ? this.#readPieces() : piecesOf(this.#small);
  }

  get pieces(): readonly Piece[] {
    return this.#pieces;
  }

  get record(): Readonly<LogRecord> {
    return this.#record;
  }

  /** After the last byte that is stored, or was left out. */
  get next(): number {
    const last = this.#pieces.at(-1);
    return Math.max(last === undefined ? 0 : last.at + last.bytes, this.#record.skippedTo ?? 0);
  }

  setRecord(change: Partial<LogRecord>): void {
    this.#record = { ...this.#record, ...change };
    this.#put();
  }

  /** All of them, or none. */
  append(bytes: Uint8Array, limits: LogLimits): void {
    if (bytes.byteLength === 0) return;
    if (!this.#made && this.#record.skippedTo === undefined && this.#small.byteLength + bytes.byteLength <= limits.smallBytes)
      return this.#setSmall(joined(this.#small, bytes));
    this.#atOnce(() => {
      this.#make();
      const last = this.#pieces.at(-1);
      const { extends: joins, sizes } = cut(last, this.next, bytes.byteLength, limits);
      let at = this.next;
      let from = 0;
      for (const [i, size] of sizes.entries()) {
        const some = bytes.subarray(from, from + size);
        if (i === 0 && joins && last !== undefined) this.#extend(last, some);
        else this.#insert(at, some);
        at += size;
        from += size;
      }
      for (const piece of surplus(this.#pieces, this.next, limits)) this.#drop(piece);
    });
  }

  /** [LG2] The host will not send what lies before `to`; what is left out stays one range. */
  skip(from: number, to: number): void {
    const first = Math.min(from, omittedOf(this.#pieces, this.next)?.from ?? from);
    this.#atOnce(() => {
      this.#make();
      for (const piece of this.#pieces.filter(({ at }) => at >= first)) this.#drop(piece);
      this.setRecord({ skippedTo: to });
    });
  }

  /** [LG2] The length is final: exactly the last bytes stay. */
  trim(limits: LogLimits): void {
    const found = trimmed(this.#pieces, this.next, limits);
    if (found === undefined) return;
    const kept = this.#bytesOf(found.piece).subarray(found.drop);
    this.#atOnce(() => {
      this.#drop(found.piece);
      this.#insert(found.piece.at + found.drop, kept);
    });
  }

  /** Bytes of one piece from `offset` on, or of the next one after a gap; empty past the last. */
  read(offset: number, maxBytes: number): { offset: number; bytes: Uint8Array } {
    const piece = pieceAt(this.#pieces, offset);
    if (piece === undefined) return { offset, bytes: new Uint8Array(0) };
    const from = Math.max(offset, piece.at);
    if (!this.#made) return { offset: from, bytes: this.#small.subarray(from, from + maxBytes) };
    const row = this.#sql
      .exec<{ bytes: ArrayBuffer }>("SELECT substr(bytes, ?, ?) AS bytes FROM log WHERE at = ?", from - piece.at + 1, maxBytes, piece.at)
      .one();
    return { offset: from, bytes: new Uint8Array(row.bytes) };
  }

  /** Neither bytes nor an end: at most who was revoked. */
  get bare(): boolean {
    return this.next === 0 && this.#record.end === undefined;
  }

  /** The log is asked for once more, from its beginning; what was left out of it, too. */
  clear(): void {
    const { skippedTo, ...record } = this.#record;
    this.#record = record;
    if (!this.#made) return this.#setSmall(NONE);
    this.#atOnce(() => {
      this.#sql.exec("DELETE FROM log");
      this.#pieces = [];
      if (skippedTo !== undefined) this.#put();
    });
  }

  #atOnce(change: () => void): void {
    try {
      this.#storage.transactionSync(change);
    } catch (error) {
      this.reload();
      throw error;
    }
  }

  /** A table, and in it what was small. */
  #make(): void {
    if (this.#made) return;
    this.#sql.exec("CREATE TABLE log (at INTEGER PRIMARY KEY, bytes BLOB NOT NULL)");
    this.#made = true;
    if (this.#small.byteLength === 0) return;
    const small = this.#small;
    this.#small = NONE;
    this.#pieces = [];
    this.#insert(0, small);
    this.#put();
  }

  #setSmall(bytes: Uint8Array): void {
    this.#small = bytes;
    this.#pieces = piecesOf(bytes);
    this.#put();
  }

  #put(): void {
    this.#storage.kv.put(KEY, { record: this.#record, bytes: this.#small });
  }

  #insert(at: number, bytes: Uint8Array): void {
    this.#sql.exec("INSERT INTO log (at, bytes) VALUES (?, ?)", at, exact(bytes));
    const before = this.#pieces.findLastIndex((piece) => piece.at < at);
    this.#pieces.splice(before + 1, 0, { at, bytes: bytes.byteLength });
  }

  #extend(piece: Piece, bytes: Uint8Array): void {
    const whole = joined(this.#bytesOf(piece), bytes);
    this.#sql.exec("UPDATE log SET bytes = ? WHERE at = ?", whole.buffer, piece.at);
    piece.bytes = whole.byteLength;
  }

  #drop(piece: Piece): void {
    this.#sql.exec("DELETE FROM log WHERE at = ?", piece.at);
    this.#pieces = this.#pieces.filter(({ at }) => at !== piece.at);
  }

  #bytesOf({ at }: Piece): Uint8Array {
    return new Uint8Array(this.#sql.exec<{ bytes: ArrayBuffer }>("SELECT bytes FROM log WHERE at = ?", at).one().bytes);
  }

  #readPieces(): Piece[] {
    return this.#sql.exec<{ at: number; bytes: number }>("SELECT at, length(bytes) AS bytes FROM log ORDER BY at").toArray();
  }
}

const piecesOf = (small: Uint8Array): Piece[] => (small.byteLength === 0 ? [] : [{ at: 0, bytes: small.byteLength }]);

function joined(before: Uint8Array, more: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(before.byteLength + more.byteLength);
  whole.set(before);
  whole.set(more, before.byteLength);
  return whole;
}

/** A view's own bytes: what lies around them in memory is not stored. */
const exact = (bytes: Uint8Array): ArrayBuffer => new Uint8Array(bytes).buffer;
