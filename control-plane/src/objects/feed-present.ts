/** The compacted table of present status in SQLite. Everything in it can be written again by the HostRelays. */
import type * as z from "zod";
import { HostFacts, StoredSession, StoredTypes, type HostUpdate, type PresentHost } from "../domain/events/present.ts";

export class PresentTable {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /**
   * A session belongs to the host that said it first, for as long as that one has it: a host that names another's
   * session would otherwise make what a person looks up ambiguous, or draw it to itself.
   *
   * @returns the sessions that were left out, because another host has them.
   */
  project(host: string, update: HostUpdate): string[] {
    const old = this.hosts(host)[0];
    const facts = HostFacts.parse({ ...old?.facts, ...update.facts });
    const types = update.types ?? old?.types ?? [];
    this.#sql.exec(
      "INSERT OR REPLACE INTO present_hosts (host, facts, types) VALUES (?, ?, ?)",
      host,
      JSON.stringify(facts),
      JSON.stringify(types),
    );
    const { sessions } = update;
    if (sessions === undefined) return [];
    if (sessions.replace) this.#sql.exec("DELETE FROM present_sessions WHERE host = ?", host);
    for (const id of sessions.removed) this.#sql.exec("DELETE FROM present_sessions WHERE host = ? AND session = ?", host, id);
    const refused: string[] = [];
    for (const session of sessions.upsert) {
      if (this.isOthers(host, session.id)) refused.push(session.id);
      else
        this.#sql.exec(
          "INSERT OR REPLACE INTO present_sessions (host, session, json) VALUES (?, ?, ?)",
          host,
          session.id,
          JSON.stringify(session),
        );
    }
    return refused;
  }

  /** Whether another host than this one has the session. */
  isOthers(host: string, session: string): boolean {
    return this.#sql.exec("SELECT 1 FROM present_sessions WHERE session = ? AND host <> ? LIMIT 1", session, host).toArray().length > 0;
  }

  /** The id its host gives for the agent that runs in the session. */
  agentOf(session: string): string | undefined {
    return (
      this.#sql
        .exec<{ agent: string | null }>("SELECT json ->> '$.agent' AS agent FROM present_sessions WHERE session = ? LIMIT 1", session)
        .toArray()[0]?.agent ?? undefined
    );
  }

  forget(host: string): void {
    this.#sql.exec("DELETE FROM present_hosts WHERE host = ?", host);
    this.#sql.exec("DELETE FROM present_sessions WHERE host = ?", host);
  }

  read(host?: string): PresentHost[] {
    const sessions = new Map<string, PresentHost["sessions"]>();
    const rows =
      host === undefined
        ? this.#sql.exec<SessionRow>("SELECT host, json FROM present_sessions ORDER BY session")
        : this.#sql.exec<SessionRow>("SELECT host, json FROM present_sessions WHERE host = ? ORDER BY session", host);
    for (const row of rows) {
      const session = parse(StoredSession, row.json);
      if (session !== undefined) sessions.set(row.host, [...(sessions.get(row.host) ?? []), session]);
    }
    return this.hosts(host).map((present) => ({ ...present, sessions: sessions.get(present.host) ?? [] }));
  }

  /** Only the sessions of this name, or whose id begins with `ref`, with the facts of their hosts; at most `limit` of each. */
  find(ref: string, limit: number): PresentHost[] {
    const named = this.#sql.exec<SessionRow>(
      "SELECT host, json FROM present_sessions WHERE json_extract(json, '$.name') = ? LIMIT ?",
      ref,
      limit,
    );
    const rows = named.toArray();
    // `~` sorts after every character of an id, so [prefix, prefix~) is exactly what begins with it.
    if (ref.startsWith("ses_"))
      rows.push(
        ...this.#sql.exec<SessionRow>(
          "SELECT host, json FROM present_sessions WHERE session >= ? AND session < ? LIMIT ?",
          ref,
          `${ref}~`,
          limit,
        ),
      );
    const found = Map.groupBy(rows, ({ host }) => host);
    return [...found].flatMap(([host, sessions]) =>
      this.hosts(host).map((present) => ({ ...present, sessions: sessions.flatMap(({ json }) => parse(StoredSession, json) ?? []) })),
    );
  }

  hosts(host?: string): Omit<PresentHost, "sessions">[] {
    const rows =
      host === undefined
        ? this.#sql.exec<HostRow>("SELECT host, facts, types FROM present_hosts ORDER BY host")
        : this.#sql.exec<HostRow>("SELECT host, facts, types FROM present_hosts WHERE host = ?", host);
    return rows.toArray().map((row) => ({
      host: row.host,
      facts: parse(HostFacts, row.facts) ?? HostFacts.parse({}),
      types: parse(StoredTypes, row.types) ?? [],
    }));
  }
}

type HostRow = { host: string; facts: string; types: string };
type SessionRow = { host: string; json: string };

/** Undefined for what another version wrote and this one cannot read: the relay writes it again. */
function parse<T>(schema: z.ZodType<T>, json: string): T | undefined {
  const read = schema.safeParse(JSON.parse(json));
  return read.success ? read.data : undefined;
}
