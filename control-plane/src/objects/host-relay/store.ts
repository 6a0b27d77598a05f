/** What a HostRelay remembers of its host: a handful of rows, read once per life and written on transitions. */
import * as z from "zod";
import { Platform } from "@maestro/shared/protocol/link";
import { Presence } from "@maestro/shared/contract/resources";
import type { Pen } from "../../domain/relay/pen.ts";
import { MAX_NONCES } from "../../domain/relay/nonces.ts";

/** Rows another version may have written: read by schema, ignored when unreadable. */
const Rows = {
  identity: z.object({ fleet: z.string(), host: z.string(), name: z.string() }),
  last: z.object({ epoch: z.object({ start: z.number(), connect: z.number() }), instance: z.string(), replaced: z.array(z.string()) }),
  locked: z.object({ reason: z.string(), atMs: z.number() }),
  facts: z.object({
    agentVersion: z.string(),
    platform: Platform,
    capabilities: z.array(z.string()),
    roots: z.array(z.string()),
    policyDigest: z.string(),
    bootId: z.string(),
  }),
  /**
   * When the link was last known to live, and the presence that was told. `open` until its end was told, so that a link
   * that went with the process is missed; `goneMs`: when it was.
   */
  seen: z.object({ lastSeenMs: z.number(), reported: Presence, open: z.boolean().optional(), goneMs: z.number().optional() }),
  /** The database does not have the lock yet: when to try again. */
  lockRetryMs: z.number(),
  draining: z.boolean(),
  /** When the object was told that, and did not read it from a host's row. */
  drainingToldMs: z.number(),
  /** The host was removed: what was on its way here then comes too late. */
  retired: z.boolean(),
  registry: z.number(),
  /** Set while the Feed could not be told: when to try again. */
  feedRetryMs: z.number(),
  /** The host's agent types are other ones than the fleet was told; told when the inventory is complete. */
  typesChanged: z.boolean(),
  /** The host names sessions of another host, and the fleet has been told so. */
  disputed: z.boolean(),
  /** The link that the Scheduler was told of; `seenMs`: and its last sign of life, which it has not been told yet. */
  tasksLink: z.object({ link: z.string(), seenMs: z.number().optional() }),
  /** Set while the Scheduler, or a log, could not be told something: when to try again. */
  tasksRetryMs: z.number(),
  /** [TK5] The host's, raw, base64url. */
  sealingKey: z.string(),
  /** Of a host that another one carries: the only signing key that may open its link; empty: none may. */
  linkKey: z.string(),
  /** Under which the host dials. */
  origin: z.string(),
} as const;
export type StateKey = keyof typeof Rows;
export type StateOf<K extends StateKey> = z.infer<(typeof Rows)[K]>;
const SCHEMAS: { readonly [K in StateKey]: z.ZodType<StateOf<K>> } = Rows;

const PenRow = z.discriminatedUnion("type", [
  z.object({ type: z.literal("free") }),
  z.object({ type: z.literal("held"), viewer: z.string(), resume: z.string() }),
  z.object({ type: z.literal("reserved"), viewer: z.string(), resume: z.string(), untilMs: z.number() }),
]);

export class Store {
  readonly #sql: SqlStorage;
  readonly #rows = new Map<string, string>();

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.reload();
  }

  reload(): void {
    this.#rows.clear();
    for (const row of this.#sql.exec<{ key: string; json: string }>("SELECT key, json FROM state")) this.#rows.set(row.key, row.json);
  }

  get<K extends StateKey>(key: K): StateOf<K> | undefined {
    const json = this.#rows.get(key);
    if (json === undefined) return undefined;
    const read = SCHEMAS[key].safeParse(JSON.parse(json));
    return read.success ? read.data : undefined;
  }

  /** `undefined` removes. What is unchanged costs no row. */
  set<K extends StateKey>(key: K, value: StateOf<K> | undefined): void {
    if (value === undefined) {
      if (!this.#rows.delete(key)) return;
      this.#sql.exec("DELETE FROM state WHERE key = ?", key);
      return;
    }
    const json = JSON.stringify(value);
    if (this.#rows.get(key) === json) return;
    this.#rows.set(key, json);
    this.#sql.exec("INSERT OR REPLACE INTO state (key, json) VALUES (?, ?)", key, json);
  }

  /** [LK1] False: it was used before, or so many were that nothing more is believed. */
  spendNonce(nonce: string, untilMs: number, nowMs: number): boolean {
    this.#sql.exec("DELETE FROM spent_nonces WHERE until_ms < ?", nowMs);
    const { count } = this.#sql.exec<{ count: number }>("SELECT count(*) AS count FROM spent_nonces").one();
    if (count >= MAX_NONCES) return false;
    return this.#sql.exec("INSERT OR IGNORE INTO spent_nonces (nonce, until_ms) VALUES (?, ?)", nonce, untilMs).rowsWritten > 0;
  }

  pen(session: string): Pen | undefined {
    const json = this.#sql.exec<{ json: string }>("SELECT json FROM pens WHERE session = ?", session).toArray()[0]?.json;
    if (json === undefined) return undefined;
    const read = PenRow.safeParse(JSON.parse(json));
    return read.success ? read.data : undefined;
  }

  setPen(session: string, pen: Pen): void {
    if (pen.type === "free") this.#sql.exec("DELETE FROM pens WHERE session = ?", session);
    else this.#sql.exec("INSERT OR REPLACE INTO pens (session, json) VALUES (?, ?)", session, JSON.stringify(pen));
  }
}
