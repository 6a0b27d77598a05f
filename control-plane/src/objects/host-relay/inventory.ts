/** The host's sessions and agent types as it reported them; rows, because 500 sessions fit no attachment. */
import type * as z from "zod";
import { AgentTypeReport } from "@maestro/shared/contract/agent-types";
import { MAX_KNOWN_SESSIONS, MAX_KNOWN_TYPES } from "@maestro/shared/limits";
import { SessionInfo } from "@maestro/shared/protocol/session";
import type { ToldChange } from "../../domain/relay/session-change.ts";

export class Inventory {
  readonly #sql: SqlStorage;
  /** Latest known, `lastActivityMs` included, which alone is never worth a row. */
  readonly #sessions = new Map<string, SessionInfo>();
  /** Sessions of which the fleet was not told the last change yet. */
  readonly #untold = new Map<string, ToldChange>();
  #types: AgentTypeReport[] | undefined;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.reload();
  }

  reload(): void {
    this.#sessions.clear();
    this.#untold.clear();
    this.#types = undefined;
    for (const { json, untold } of this.#sql.exec<{ json: string; untold: string | null }>("SELECT json, untold FROM sessions")) {
      const session = read(SessionInfo, json);
      if (session === undefined) continue;
      this.#sessions.set(session.id, session);
      if (isToldChange(untold)) this.#untold.set(session.id, untold);
    }
  }

  session(id: string): SessionInfo | undefined {
    return this.#sessions.get(id);
  }

  /** Whether there is place for what the host says of this session. */
  takes(id: string): boolean {
    return this.#sessions.has(id) || this.#sessions.size < MAX_KNOWN_SESSIONS;
  }

  sessions(): SessionInfo[] {
    return [...this.#sessions.values()];
  }

  types(): AgentTypeReport[] {
    this.#types ??= this.#sql
      .exec<{ json: string }>("SELECT json FROM types ORDER BY slug")
      .toArray()
      .flatMap(({ json }) => read(AgentTypeReport, json) ?? []);
    return this.#types;
  }

  get untold(): ReadonlyMap<string, ToldChange> {
    return this.#untold;
  }

  /** Keeps it in memory; `save` or `told` makes it last. */
  put(session: SessionInfo, untold = this.#untold.get(session.id)): void {
    this.#sessions.set(session.id, session);
    if (untold !== undefined) this.#untold.set(session.id, untold);
  }

  /** @param untold what the fleet has to be told of it later, though the object be evicted. */
  save(session: SessionInfo, mark: number, untold?: ToldChange): void {
    this.#sessions.set(session.id, session);
    if (untold === undefined) this.#untold.delete(session.id);
    else this.#untold.set(session.id, untold);
    this.#sql.exec(
      "INSERT INTO sessions (id, json, mark, untold) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET json = excluded.json, mark = excluded.mark, untold = excluded.untold",
      session.id,
      JSON.stringify(session),
      mark,
      untold ?? null,
    );
  }

  /** Of these the fleet is told now: the latest of them lasts. */
  told(sessions: readonly SessionInfo[]): void {
    for (const session of sessions) {
      this.#untold.delete(session.id);
      this.#sql.exec("UPDATE sessions SET json = ?, untold = NULL WHERE id = ?", JSON.stringify(session), session.id);
    }
  }

  remove(id: string): void {
    this.#sessions.delete(id);
    this.#untold.delete(id);
    this.#sql.exec("DELETE FROM sessions WHERE id = ?", id);
  }

  /** [LK3] After the last page of a hello: sessions that no page named. Survives an eviction between pages. */
  unmarked(mark: number): string[] {
    return this.#sql
      .exec<{ id: string }>("SELECT id FROM sessions WHERE mark <> ?", mark)
      .toArray()
      .map(({ id }) => id);
  }

  /** One page of an inventory. True: it says something new. */
  saveTypes(types: readonly AgentTypeReport[], mark: number): boolean {
    let { count } = this.#sql.exec<{ count: number }>("SELECT count(*) AS count FROM types").one();
    let changed = false;
    for (const type of types) {
      const json = JSON.stringify(type);
      const known = this.#sql.exec<{ json: string }>("SELECT json FROM types WHERE slug = ?", type.slug).toArray()[0];
      if (known === undefined && count >= MAX_KNOWN_TYPES) continue;
      if (known === undefined) count += 1;
      changed ||= known?.json !== json;
      this.#sql.exec("INSERT OR REPLACE INTO types (slug, json, mark) VALUES (?, ?, ?)", type.slug, json, mark);
    }
    if (changed) this.#types = undefined;
    return changed;
  }

  /** After the last page of an inventory. True: some are gone. */
  keepTypes(mark: number): boolean {
    const gone = this.#sql.exec("SELECT 1 FROM types WHERE mark <> ? LIMIT 1", mark).toArray().length > 0;
    if (!gone) return false;
    this.#types = undefined;
    this.#sql.exec("DELETE FROM types WHERE mark <> ?", mark);
    return true;
  }
}

const isToldChange = (text: string | null): text is ToldChange => text === "created" || text === "ended" || text === "updated";

/** Undefined for what another version wrote and this one cannot read: the host says it again at its next hello. */
function read<T>(schema: z.ZodType<T>, json: string): T | undefined {
  const parsed = schema.safeParse(JSON.parse(json));
  return parsed.success ? parsed.data : undefined;
}
