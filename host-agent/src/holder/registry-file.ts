/** What the holder remembers of sessions across its own death: a small file, read once, written when something changed. */
import { readFileSync } from "node:fs";
import { open, rename } from "node:fs/promises";
import * as z from "zod";
import { parseJson } from "../config/json.ts";
import { errnoOf } from "../daemon/durable-file.ts";
import type { Clock } from "./clock.ts";
import { HeldInfo } from "./protocol.ts";
import type { HolderWarning } from "./types.ts";

/** Changes within this time are written together. */
const SETTLE_MS = 200;

const ProcessName = z.object({ pid: z.int(), started: z.string() });

export const StoredSession = z.object({
  info: HeldInfo,
  /** Leader of a PTY's session, so that a straggler of a dead holder can be found. */
  leader: ProcessName.optional(),
});
export type StoredSession = z.infer<typeof StoredSession>;

const Stored = z.object({
  version: z.literal(1),
  bootId: z.string(),
  /** Who wrote it. Alive beside a holder that has this home's lock, it is the holder of a home that was copied. */
  holder: ProcessName.optional().catch(undefined),
  sessions: z.array(z.unknown()),
});

export interface LoadedRegistry {
  bootId: string | undefined;
  holder: z.infer<typeof ProcessName> | undefined;
  sessions: StoredSession[];
  /** What could not be read, if anything: told, never fatal. */
  warning: HolderWarning | undefined;
}

export function loadRegistry(file: string): LoadedRegistry {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    const absent = errnoOf(cause) === "ENOENT";
    return {
      bootId: undefined,
      holder: undefined,
      sessions: [],
      warning: absent ? undefined : { code: "registry_unreadable", detail: `'${file}' cannot be read (${errnoOf(cause) ?? "unknown"}).` },
    };
  }
  const stored = Stored.safeParse(parseJson(text));
  if (!stored.success)
    return {
      bootId: undefined,
      holder: undefined,
      sessions: [],
      warning: { code: "registry_corrupt", detail: `'${file}' is not what was written; sessions are taken from tmux alone.` },
    };
  const parsed = stored.data.sessions.map((entry) => StoredSession.safeParse(entry));
  const sessions = parsed.flatMap((entry) => (entry.success ? [entry.data] : []));
  const lost = parsed.length - sessions.length;
  return {
    bootId: stored.data.bootId,
    holder: stored.data.holder,
    sessions,
    warning: lost === 0 ? undefined : { code: "registry_corrupt", detail: `${lost} entries of '${file}' could not be read.` },
  };
}

export interface RegistryWriter {
  bootId: string;
  holder: z.infer<typeof ProcessName>;
}

export class RegistryFile {
  readonly #file: string;
  readonly #writer: RegistryWriter;
  readonly #clock: Clock;
  readonly #collect: () => StoredSession[];
  #cancel: (() => void) | undefined;
  #writing: Promise<void> | undefined;
  #warning: HolderWarning | undefined;

  constructor(file: string, writer: RegistryWriter, clock: Clock, collect: () => StoredSession[]) {
    this.#file = file;
    this.#writer = writer;
    this.#clock = clock;
    this.#collect = collect;
  }

  /** Set while the file cannot be written: sessions work on, and are forgotten if the holder dies. */
  get warning(): HolderWarning | undefined {
    return this.#warning;
  }

  changed(): void {
    this.#cancel ??= this.#clock.after(SETTLE_MS, () => void this.flush());
  }

  /**
   * On the list for whoever comes after this process: the rename is seen by the next holder whatever kills this one.
   * Not synced, because what only a sync survives, a power cut, ends every session as well, tmux's too; it could cost
   * no more than the line that says so. A sync is 0.3 ms on an idle SSD and tens of milliseconds on a busy disk, all of
   * it between a new session and its first byte. It follows when the file has settled.
   */
  async note(): Promise<void> {
    await this.#enqueue(false);
    this.changed();
  }

  /** One write at a time, off the event loop: a disk that is slow to sync must not delay a keystroke. */
  async flush(): Promise<void> {
    this.#cancel?.();
    this.#cancel = undefined;
    await this.#enqueue(true);
  }

  #enqueue(durably: boolean): Promise<void> {
    this.#writing = (this.#writing ?? Promise.resolve()).then(() => this.#write(durably));
    return this.#writing;
  }

  async #write(durably: boolean): Promise<void> {
    const temporary = `${this.#file}.tmp`;
    try {
      const handle = await open(temporary, "w", 0o600);
      try {
        await handle.writeFile(JSON.stringify({ version: 1, ...this.#writer, sessions: this.#collect() }));
        if (durably) await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(temporary, this.#file);
      this.#warning = undefined;
    } catch (cause) {
      this.#warning = describe(this.#file, errnoOf(cause));
    }
  }
}

function describe(file: string, code: string | undefined): HolderWarning {
  if (code === "ENOSPC" || code === "EDQUOT")
    return { code: "disk_full", detail: `No space left to write '${file}': sessions are not remembered past this holder.` };
  return {
    code: "state_unwritable",
    detail: `'${file}' cannot be written (${code ?? "unknown"}): sessions are not remembered past this holder.`,
  };
}
