/** The host's sessions and agent types as it reported them; rows, because 500 sessions fit no attachment. */
import type * as z from "zod";
import { AgentTypeReport } from "@maestro/shared/contract/agent-types";
import { MAX_SESSIONS_PER_HOST } from "@maestro/shared/limits";
import { SessionInfo } from "@maestro/shared/protocol/session";

/** Living and ended ones of an honest host, and the user's own, stay far below; one that invents more is not believed. */
const MAX_KNOWN_SESSIONS = 2 * MAX_SESSIONS_PER_HOST;

export class Inventory {
  readonly #sql: SqlStorage;
  /** Latest known, `lastActivityMs` included, which alone is never worth a row. */
  readonly #sessions = new Map<string, SessionInfo>();
  #types: AgentTypeReport[] | undefined;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.reload();
  }

  reload(): void {
    this.#sessions.clear();
    this.#types = undefined;
    for (const { json } of this.#sql.exec<{ json: string }>("SELECT json FROM sessions")) {
      const session = read(SessionInfo, json);
      if (session !== undefined) this.#sessions.set(session.id, session);
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

  /** Keeps it in memory; `save` makes it last. */
  put(session: SessionInfo): void {
    this.#sessions.set(session.id, session);
  }

  save(session: SessionInfo, mark: number): void {
    this.#sessions.set(session.id, session);
    this.#sql.exec(
      "INSERT INTO sessions (id, json, mark) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET json = excluded.json, mark = excluded.mark",
      session.id,
      JSON.stringify(session),
      mark,
    );
  }

  remove(id: string): void {
    this.#sessions.delete(id);
    this.#sql.exec("DELETE FROM sessions WHERE id = ?", id);
  }

  /** [LK3] After the last page of a hello: sessions that no page named. Survives an eviction between pages. */
  unmarked(mark: number): string[] {
    return this.#sql
      .exec<{ id: string }>("SELECT id FROM sessions WHERE mark <> ?", mark)
      .toArray()
      .map(({ id }) => id);
  }

  saveTypes(types: readonly AgentTypeReport[], mark: number): void {
    this.#types = undefined;
    for (const type of types)
      this.#sql.exec("INSERT OR REPLACE INTO types (slug, json, mark) VALUES (?, ?, ?)", type.slug, JSON.stringify(type), mark);
  }

  /** After the last page of an inventory. */
  keepTypes(mark: number): void {
    this.#types = undefined;
    this.#sql.exec("DELETE FROM types WHERE mark <> ?", mark);
  }
}

/** Undefined for what another version wrote and this one cannot read: the host says it again at its next hello. */
function read<T>(schema: z.ZodType<T>, json: string): T | undefined {
  const parsed = schema.safeParse(JSON.parse(json));
  return parsed.success ? parsed.data : undefined;
}
