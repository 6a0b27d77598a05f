/** Of one remote attempt: its log and what its runner wrote, as they are there, so that its end is found here as that of any other. */
import { closeSync, fstatSync, lstatSync, openSync, statSync, writeFileSync, writeSync } from "node:fs";
import { writeDurably } from "../daemon/durable-file.ts";
import type { UsageFile } from "../tasks/attempt-files.ts";
import type { Child } from "../tasks/members.ts";
import { join } from "node:path";

/** Where a local runner names the machine's boot: it is never taken for a process of this one. */
const ELSEWHERE = "elsewhere";

export class Mirror {
  readonly #dir: string;
  readonly #log: string;
  readonly #maxBytes: number;

  /** @param logLimitBytes past which its runner ends it, late as that may be. */
  constructor({ dir, log }: { dir: string; log: string }, logLimitBytes: number) {
    this.#dir = dir;
    this.#log = log;
    this.#maxBytes = 2 * logLimitBytes;
  }

  /** A log that stays empty is one too. */
  begin(): void {
    closeSync(openSync(this.#log, "a", 0o600));
  }

  /** Bytes of its log that are here. */
  get offset(): number {
    return statSync(this.#log, { throwIfNoEntry: false })?.size ?? 0;
  }

  /**
   * What is here already is left as it is: secrets may have been blotted out of it. Throws where a part would be missing. What no
   * runner would let it write is not kept: that machine may send what it likes, and fills no disk here.
   */
  log(offset: number, bytes: Uint8Array): void {
    const fd = openSync(this.#log, "a", 0o600);
    try {
      const { size } = fstatSync(fd);
      if (size >= this.#maxBytes) return;
      if (offset > size) throw new Error(`its log goes on at ${offset}, and is ${size} long here`);
      // All of it, or it is cut off again by the next one's offset.
      const end = Math.min(bytes.byteLength, this.#maxBytes - offset);
      for (let from = size - offset; from < end;) from += writeSync(fd, bytes, from, end - from);
    } finally {
      closeSync(fd);
    }
  }

  child({ pid, started }: Child): void {
    // When it began here is when it was heard of; a later word of it changes nothing.
    if (lstatSync(join(this.#dir, "started"), { throwIfNoEntry: false }) !== undefined) return;
    writeFileSync(join(this.#dir, "child"), `${pid} ${started}\n`, { mode: 0o600 });
    writeFileSync(join(this.#dir, "started"), `${pid} ${started} ${ELSEWHERE}\n`, { mode: 0o600 });
  }

  usage(usage: UsageFile): void {
    writeFileSync(join(this.#dir, "usage.json"), JSON.stringify(usage), { mode: 0o600 });
  }

  exit(text: string): void {
    writeDurably(join(this.#dir, "exit.json"), `${text}\n`);
  }
}
