/**
 * [TK6] Images of tasks in SQLite, beside their rows and read by nobody but the host that runs an attempt. They go when their task is completed or
 * forgotten; of one that ended otherwise they stay, for it may be run again, unless newer ones need the room.
 */
import { IMAGE_PIECE_BYTES, MAX_KEPT_IMAGES_BYTES } from "@maestro/shared/limits";

export class ImageStore {
  readonly #sql: SqlStorage;
  readonly #maxBytes: number;

  constructor(sql: SqlStorage, maxBytes: number = MAX_KEPT_IMAGES_BYTES) {
    this.#sql = sql;
    this.#maxBytes = maxBytes;
  }

  /** Whether so many bytes fit, once those of tasks that have ended have gone as far as they have to. */
  hasRoom(bytes: number): boolean {
    const open = this.#sql.exec<{ sum: number | null }>(`SELECT sum(bytes) AS sum FROM image_sets WHERE NOT (${ENDED})`).one().sum ?? 0;
    return open + bytes <= this.#maxBytes;
  }

  /** Within the transaction that makes the task. @param task its key. */
  put(task: string, images: readonly Uint8Array[]): void {
    const bytes = images.reduce((sum, { byteLength }) => sum + byteLength, 0);
    this.#makeRoom(bytes);
    this.#sql.exec("INSERT INTO image_sets (task, bytes) VALUES (?, ?)", task, bytes);
    for (const [n, image] of images.entries())
      for (let from = 0; from < image.byteLength; from += IMAGE_PIECE_BYTES)
        this.#sql.exec(
          "INSERT INTO images (task, n, piece, bytes) VALUES (?, ?, ?, ?)",
          task,
          n,
          from / IMAGE_PIECE_BYTES,
          image.slice(from, from + IMAGE_PIECE_BYTES),
        );
  }

  has(task: string): boolean {
    return this.#sql.exec("SELECT 1 FROM image_sets WHERE task = ?", task).toArray().length > 0;
  }

  /** From there to the end of its piece; empty at the end of the image. Undefined: it is not there. */
  read(task: string, n: number, from: number): Uint8Array | undefined {
    const piece = Math.floor(from / IMAGE_PIECE_BYTES);
    const row = this.#sql
      .exec<{ bytes: ArrayBuffer }>("SELECT bytes FROM images WHERE task = ? AND n = ? AND piece = ?", task, n, piece)
      .toArray()[0];
    if (row !== undefined) return new Uint8Array(row.bytes).slice(from - piece * IMAGE_PIECE_BYTES);
    return this.#sql.exec("SELECT 1 FROM images WHERE task = ? AND n = ? AND piece = 0", task, n).toArray().length > 0
      ? new Uint8Array(0)
      : undefined;
  }

  delete(task: string): void {
    this.#sql.exec("DELETE FROM image_sets WHERE task = ?", task);
    this.#sql.exec("DELETE FROM images WHERE task = ?", task);
  }

  #makeRoom(bytes: number): void {
    let kept = this.#sql.exec<{ sum: number | null }>("SELECT sum(bytes) AS sum FROM image_sets").one().sum ?? 0;
    if (kept + bytes <= this.#maxBytes) return;
    const ended = this.#sql
      .exec<{ task: string; bytes: number }>(`SELECT task, bytes FROM image_sets WHERE ${ENDED} ORDER BY task`)
      .toArray();
    for (const one of ended) {
      if (kept + bytes <= this.#maxBytes) return;
      this.delete(one.task);
      kept -= one.bytes;
    }
  }
}

const ENDED = "EXISTS (SELECT 1 FROM tasks WHERE open = 0 AND key = task)";
