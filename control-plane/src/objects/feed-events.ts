/** The ring of recent events in SQLite. */
import type { FleetEvent } from "@maestro/shared/contract/resources";
import { EVENT_RING_ROWS } from "@maestro/shared/limits";
import { resumeFrom, type Resume, type Ring } from "../domain/events/resume.ts";

/** An event as it is stored and sent: its JSON, made once. */
export interface StoredEvent {
  seq: number;
  id: string;
  type: string;
  json: string;
}

export class EventRing {
  readonly #sql: SqlStorage;
  readonly #rows: number;

  constructor(sql: SqlStorage, rows: number = EVENT_RING_ROWS) {
    this.#sql = sql;
    this.#rows = rows;
  }

  bounds(): Ring {
    const row = this.#sql
      .exec<{ first: number | null; last: number | null }>("SELECT min(seq) AS first, max(seq) AS last FROM events")
      .one();
    return { first: row.first ?? 0, last: row.last ?? 0 };
  }

  /** @param make builds the event once its sequence is known. */
  add(make: (seq: number) => FleetEvent): StoredEvent {
    const event = make(this.bounds().last + 1);
    const json = JSON.stringify(event);
    this.#sql.exec("INSERT INTO events (seq, id, json) VALUES (?, ?, ?)", event.seq, event.id, json);
    this.#sql.exec("DELETE FROM events WHERE seq <= ?", event.seq - this.#rows);
    return { seq: event.seq, id: event.id, type: event.type, json };
  }

  /** @param since an event's id, its sequence in digits, or undefined for "from now on". */
  resume(since: string | undefined): Resume {
    return resumeFrom(this.bounds(), since === undefined ? undefined : { seq: this.#sequenceOf(since) });
  }

  after(seq: number, limit: number): StoredEvent[] {
    return this.#sql
      .exec<{ seq: number; id: string; type: string; json: string }>(
        "SELECT seq, id, json ->> '$.type' AS type, json FROM events WHERE seq > ? ORDER BY seq LIMIT ?",
        seq,
        limit,
      )
      .toArray();
  }

  #sequenceOf(since: string): number | undefined {
    if (/^\d{1,15}$/.test(since)) return Number(since);
    return this.#sql.exec<{ seq: number }>("SELECT seq FROM events WHERE id = ?", since).toArray()[0]?.seq;
  }
}
