/** Keeps a connection to the holder, started when there is none, and the list of its sessions. */
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import type { SessionInfo } from "@maestro/shared/protocol/session";
import { err, type Result } from "@maestro/shared/result";
import type { HolderClient } from "../holder/client.ts";
import type { HeldInfo, HolderEvents } from "../holder/types.ts";
import { pause, type Clock } from "./clock.ts";
import type { Log } from "./log.ts";

/** Connects to the holder, and starts it first where none runs. */
export type OpenHolder = (events: HolderEvents, signal: AbortSignal) => Promise<Result<HolderClient>>;

export interface KeeperHooks {
  /** A connection is there and its sessions are known. */
  up(client: HolderClient): void;
  down(): void;
  output: HolderEvents["output"];
  snapshot: HolderEvents["snapshot"];
  gap: HolderEvents["gap"];
  epoch: HolderEvents["epoch"];
  inputRefused: HolderEvents["inputRefused"];
  /** What changed in the list. */
  changed(upsert: readonly SessionInfo[], removed: readonly string[]): void;
}

const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 5_000;

export class HolderKeeper {
  readonly #open: OpenHolder;
  readonly #hooks: KeeperHooks;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #host: string | undefined;
  readonly #sessions = new Map<string, SessionInfo>();
  readonly #firstTry = Promise.withResolvers<void>();
  #client: HolderClient | undefined;
  #problem: MaestroError | undefined;

  /** @param host the remote host whose sessions are meant; undefined: this machine's own. */
  constructor(open: OpenHolder, hooks: KeeperHooks, clock: Clock, log: Log, host?: string) {
    this.#open = open;
    this.#host = host;
    this.#hooks = hooks;
    this.#clock = clock;
    this.#log = log;
  }

  get sessions(): SessionInfo[] {
    return [...this.#sessions.values()];
  }
  session(id: string): SessionInfo | undefined {
    return this.#sessions.get(id);
  }
  get facts(): HolderClient["facts"] | undefined {
    return this.#client?.facts;
  }
  /** Resolves when the holder was reached or could not be, the first time. */
  get tried(): Promise<void> {
    return this.#firstTry.promise;
  }

  client(): Result<HolderClient> {
    if (this.#client !== undefined) return { ok: true, value: this.#client };
    return err(
      this.#problem ??
        maestroError("backend_unavailable", "The process that holds this host's terminals is not running.", {
          hint: "It is being started again; try once more in a moment.",
        }),
    );
  }

  async run(signal: AbortSignal): Promise<void> {
    let retryMs = FIRST_RETRY_MS;
    while (!signal.aborted) {
      const closed = Promise.withResolvers<string>();
      const opened = await this.#open(
        this.#events((reason) => closed.resolve(reason)),
        signal,
      );
      if (signal.aborted) {
        if (opened.ok) opened.value.close();
        return;
      }
      if (!opened.ok) {
        this.#problem = opened.error;
        this.#log.error("the holder is not there", { code: opened.error.code, detail: opened.error.detail, retryMs });
        this.#firstTry.resolve();
        await pause(this.#clock, retryMs, signal);
        retryMs = Math.min(MAX_RETRY_MS, retryMs * 2);
        continue;
      }
      retryMs = FIRST_RETRY_MS;
      const stop = () => opened.value.close();
      signal.addEventListener("abort", stop, { once: true });
      await this.#adopt(opened.value);
      this.#firstTry.resolve();
      const reason = await closed.promise;
      signal.removeEventListener("abort", stop);
      this.#client = undefined;
      this.#hooks.down();
      if (!signal.aborted) this.#log.warn("the connection to the holder ended", { reason });
    }
    this.#firstTry.resolve();
  }

  async #adopt(client: HolderClient): Promise<void> {
    this.#client = client;
    this.#problem = undefined;
    const listed = await client.list();
    if (listed.ok) {
      const present = new Set(listed.value.map(({ id }) => id));
      this.#apply(
        listed.value,
        [...this.#sessions.keys()].filter((id) => !present.has(id)),
      );
    }
    for (const { code, detail } of client.facts.warnings) this.#log.warn("the holder warns", { code, detail });
    this.#log.info("the holder is there", { pid: client.facts.pid, tmux: client.facts.tmux, sessions: this.#sessions.size });
    this.#hooks.up(client);
  }

  #events(closed: (reason: string) => void): HolderEvents {
    const { output, snapshot, gap, epoch, inputRefused } = this.#hooks;
    return { output, snapshot, gap, epoch, inputRefused, sessions: ({ upsert, removed }) => this.#apply(upsert, removed), closed };
  }

  #apply(upsert: readonly HeldInfo[], removed: readonly string[]): void {
    const own = upsert.flatMap(({ host, ...session }) => (host === this.#host ? [session] : []));
    const gone = removed.filter((id) => this.#sessions.has(id));
    for (const session of own) this.#sessions.set(session.id, session);
    for (const id of gone) this.#sessions.delete(id);
    if (own.length > 0 || gone.length > 0) this.#hooks.changed(own, gone);
  }
}
