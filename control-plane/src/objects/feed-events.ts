/** The ring of recent events in SQLite. */
import type { FleetEvent } from "@maestro/shared/contract/resources";
import { EVENT_RING_ROWS } from "@maestro/shared/limits";
import { mayHear, type Place, type Reach } from "../domain/events/reach.ts";
import { resumeFrom, type Resume, type Ring } from "../domain/events/resume.ts";
import { OF_SESSION } from "./feed-schema.ts";

/** An event as it is stored and sent: its JSON, made once. */
export interface StoredEvent {
  seq: number;
  id: string;
  type: string;
  json: string;
}

export interface PlacedEvent extends StoredEvent {
  place: Place;
}

export interface Unnumbered {
  /** Builds it once its sequence is known. */
  make(seq: number): FleetEvent;
  /** Whose it is; asked once those before it are written. */
  placeOf(): Place;
}

const SELECT_EVENTS = "SELECT seq, id, json ->> '$.type' AS type, json, host, agent FROM events";
/** Rows that are read at once on behalf of somebody who may hear only some of them. */
const READ_ROWS = 500;

export class EventRing {
  readonly #sql: SqlStorage;
  readonly #rows: number;
  /** Looked up when first needed after a wake. */
  #last: number | undefined;

  constructor(sql: SqlStorage, rows: number = EVENT_RING_ROWS) {
    this.#sql = sql;
    this.#rows = rows;
  }

  bounds(): Ring {
    const { last } = this;
    return {
      first: last === 0 ? 0 : (this.#sql.exec<{ first: number | null }>("SELECT min(seq) AS first FROM events").one().first ?? 0),
      last,
    };
  }

  /** The sequence of the last event; 0: nothing has happened yet. */
  get last(): number {
    this.#last ??= this.#sql.exec<{ last: number | null }>("SELECT max(seq) AS last FROM events").one().last ?? 0;
    return this.#last;
  }

  /** In order, within a transaction. */
  add(events: readonly Unnumbered[]): PlacedEvent[] {
    if (events.length === 0) return [];
    let seq = this.last;
    // What cannot be written did not happen: then the rows are asked again.
    this.#last = undefined;
    const added = events.map(({ make, placeOf: whose }): PlacedEvent => {
      const event = make(++seq);
      const place = whose();
      const json = JSON.stringify(event);
      this.#sql.exec(
        "INSERT INTO events (seq, id, json, host, agent) VALUES (?, ?, ?, ?, ?)",
        seq,
        event.id,
        json,
        place.host ?? null,
        place.agent ?? null,
      );
      return { seq, id: event.id, type: event.type, json, place };
    });
    this.#sql.exec("DELETE FROM events WHERE seq <= ?", seq - this.#rows);
    this.#last = seq;
    return added;
  }

  /** @param since an event's id, its sequence in digits, or undefined for "from now on". */
  resume(since: string | undefined): Resume {
    return resumeFrom(this.bounds(), since === undefined ? undefined : { seq: this.#sequenceOf(since) });
  }

  /** Those that `reach` lets hear. */
  after(seq: number, limit: number, reach: Reach = {}): StoredEvent[] {
    const heard: StoredEvent[] = [];
    for (let from = seq; ;) {
      const rows = this.#read(from, reach.hosts === undefined && reach.agents === undefined ? limit : READ_ROWS);
      for (const { place, ...event } of rows) {
        if (heard.length === limit) return heard;
        if (mayHear(reach, event.type, place)) heard.push(event);
      }
      const last = rows.at(-1);
      if (last === undefined || heard.length === limit) return heard;
      from = last.seq;
    }
  }

  /** The last of those that `reach` lets hear, in order. */
  latest(limit: number, reach: Reach = {}): StoredEvent[] {
    const heard: StoredEvent[] = [];
    const isAll = reach.hosts === undefined && reach.agents === undefined;
    for (let before = Number.MAX_SAFE_INTEGER; heard.length < limit;) {
      const rows = this.#readBack(before, isAll ? limit : READ_ROWS);
      for (const { place, ...event } of rows) if (heard.length < limit && mayHear(reach, event.type, place)) heard.push(event);
      const last = rows.at(-1);
      if (last === undefined) break;
      before = last.seq;
    }
    return heard.reverse();
  }

  /** Whose the last event of a session was. */
  lastPlace(session: string): Place | undefined {
    const row = this.#sql
      .exec<PlaceRow>(
        `SELECT host, agent FROM events WHERE json_extract(json, '$.subject') = ? AND ${OF_SESSION} ORDER BY seq DESC LIMIT 1`,
        session,
      )
      .toArray()[0];
    return row === undefined ? undefined : placeOf(row);
  }

  idAt(seq: number): string | undefined {
    return this.#sql.exec<{ id: string }>("SELECT id FROM events WHERE seq = ?", seq).toArray()[0]?.id;
  }

  #read(after: number, limit: number): PlacedEvent[] {
    return this.#placed(`${SELECT_EVENTS} WHERE seq > ? ORDER BY seq LIMIT ?`, after, limit);
  }

  #readBack(before: number, limit: number): PlacedEvent[] {
    return this.#placed(`${SELECT_EVENTS} WHERE seq < ? ORDER BY seq DESC LIMIT ?`, before, limit);
  }

  #placed(statement: string, seq: number, limit: number): PlacedEvent[] {
    return this.#sql
      .exec<StoredEventRow & PlaceRow>(statement, seq, limit)
      .toArray()
      .map(({ host, agent, ...event }) => ({ ...event, place: placeOf({ host, agent }) }));
  }

  #sequenceOf(since: string): number | undefined {
    if (/^\d{1,15}$/.test(since)) return Number(since);
    return this.#sql.exec<{ seq: number }>("SELECT seq FROM events WHERE id = ?", since).toArray()[0]?.seq;
  }
}

type StoredEventRow = { seq: number; id: string; type: string; json: string };
type PlaceRow = { host: string | null; agent: string | null };

const placeOf = ({ host, agent }: PlaceRow): Place => ({ host: host ?? undefined, agent: agent ?? undefined });
