/**
 * [LK2] A host whose identity is in use twice is shut out: its link ends, the fleet hears of it, and so does the
 * database, by which everything else of it is refused; by alarm, until it has it.
 */
import { CLOSE } from "@maestro/shared/protocol/close-codes";
import { errorText } from "../../log-text.ts";
import { lockEvents } from "./link-gate.ts";
import type { LinkSocket } from "./link-socket.ts";
import type { Reporter } from "./reporter.ts";
import type { StateOf, Store } from "./store.ts";

export const LOCK_RETRY_MS = 5_000;

export interface HostLockPort {
  nowMs(): number;
  /** Into the database; undefined: it is not locked any more. */
  write(of: StateOf<"identity">, lock: StateOf<"locked"> | undefined): Promise<void>;
  rearm(): void;
}

export class HostLock {
  readonly #store: Store;
  readonly #link: LinkSocket;
  readonly #reporter: Reporter;
  readonly #port: HostLockPort;

  constructor(store: Store, link: LinkSocket, reporter: Reporter, port: HostLockPort) {
    this.#store = store;
    this.#link = link;
    this.#reporter = reporter;
    this.#port = port;
  }

  lock(reason: string): void {
    const atMs = this.#port.nowMs();
    this.#store.set("locked", { reason, atMs });
    this.#link.drop(CLOSE.forbidden, "host_locked");
    const identity = this.#store.get("identity");
    if (identity === undefined) return;
    this.#reporter.tell({ facts: { connected: false, locked: { reason, atMs } } }, lockEvents(identity, reason));
    this.#store.set("lockRetryMs", atMs + LOCK_RETRY_MS);
    this.#port.rearm();
    void this.#write();
  }

  /** The next connection is believed, whatever its epoch. The database is told by who asked for it. */
  unlock(): void {
    if (this.#store.get("locked") === undefined) return;
    this.#store.set("locked", undefined);
    this.#store.set("last", undefined);
    this.#store.set("lockRetryMs", undefined);
    this.#reporter.tell({ facts: { locked: undefined } }, []);
  }

  /** From the alarm. */
  async retry(): Promise<void> {
    const dueMs = this.#store.get("lockRetryMs");
    const nowMs = this.#port.nowMs();
    if (dueMs === undefined || dueMs > nowMs) return;
    this.#store.set("lockRetryMs", nowMs + LOCK_RETRY_MS);
    await this.#write();
  }

  dueMs(): number | undefined {
    return this.#store.get("lockRetryMs");
  }

  async #write(): Promise<void> {
    const identity = this.#store.get("identity");
    const locked = this.#store.get("locked");
    if (identity === undefined || locked === undefined) return this.#store.set("lockRetryMs", undefined);
    try {
      await this.#port.write(identity, locked);
      // Unlocked while it was written: that came last.
      if (this.#store.get("identity") !== undefined && this.#store.get("locked") === undefined) await this.#port.write(identity, undefined);
      this.#store.set("lockRetryMs", undefined);
    } catch (error) {
      console.warn(
        JSON.stringify({
          message: "the lock of a host could not be stored; it is tried again",
          host: identity.host,
          error: errorText(error),
        }),
      );
    }
  }
}
