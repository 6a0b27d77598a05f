/**
 * What the fleet's Feed is told of this host: transitions only. Events are written to a bounded outbox in the same
 * stretch as what they tell of, and taken out once told: a process that ends in between leaves them to the next one, and
 * what it told at the very last may be told again. The Feed being away never hurts the relay: the projection is written
 * anew later, by alarm.
 */
import * as z from "zod";
import { EVENT_TYPES } from "@maestro/shared/contract/resources";
import type { NewEvent } from "../../domain/events/event.ts";
import type { HostUpdate } from "../../domain/events/present.ts";
import type { StateOf, Store } from "./store.ts";

/** While the Feed is away the newest are kept; followers refetch what they missed. */
export const MAX_OUTBOX_EVENTS = 500;
/** While it answers everything is told; this only bounds a Feed that is slow. A hello that changes all there is fits twice. */
const MAX_UNTOLD_EVENTS = 5_000;
/** Calls that wait for the one before them; past it the last of them tells for all that follow. */
const MAX_WAITING_CALLS = 100;
export const FEED_RETRY_MS = 5_000;

export interface ReporterPort {
  feed(fleet: string): Pick<FeedCalls, "append" | "project" | "followers">;
  /** Everything there is to project, for when something was lost. */
  whole(): HostUpdate;
  nowMs(): number;
  /** A deadline changed. */
  rearm(): void;
}

interface FeedCalls {
  append(events: NewEvent[], from: string): Promise<unknown>;
  /** The sessions that another host has; a Feed of before knows of none. */
  project(host: string, update: HostUpdate): Promise<readonly string[] | undefined>;
  followers(): Promise<number>;
}

interface Call {
  identity: StateOf<"identity">;
  update: HostUpdate | undefined;
  /** Its events, and those before them, are in the outbox up to here. */
  upTo: number | undefined;
}

const StoredEvent = z.object({
  type: z.enum(EVENT_TYPES),
  subject: z.string(),
  summary: z.string(),
  data: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.array(z.string())])).optional(),
});

export class Reporter {
  readonly #store: Store;
  readonly #sql: SqlStorage;
  readonly #port: ReporterPort;
  /** Told one after the other, so that followers hear things in order. */
  readonly #waiting: Call[] = [];
  /** Resolved when nothing is being told. */
  #telling: Promise<void> = Promise.resolve();
  #busy = false;

  constructor(store: Store, sql: SqlStorage, port: ReporterPort) {
    this.#store = store;
    this.#sql = sql;
    this.#port = port;
  }

  /** A process before this one left events: they are told by alarm. */
  resume(): void {
    if (this.#store.get("feedRetryMs") === undefined && this.#last() !== undefined) this.#later(0);
  }

  /** Tells a change and the events it makes, in that order. */
  tell(update: HostUpdate | undefined, events: NewEvent[]): void {
    const identity = this.#store.get("identity");
    if (identity === undefined) return;
    const upTo = this.#keep(events);
    // What is kept already is told first.
    if (this.#store.get("feedRetryMs") !== undefined) return this.#port.rearm();
    const last = this.#waiting.at(-1);
    if (last === undefined || this.#waiting.length < MAX_WAITING_CALLS) this.#waiting.push({ identity, update, upTo });
    else {
      last.upTo = upTo ?? last.upTo;
      last.update = this.#port.whole();
    }
    if (!this.#busy) this.#telling = this.#tellAll();
  }

  async #tellAll(): Promise<void> {
    this.#busy = true;
    for (let call = this.#waiting.shift(); call !== undefined; call = this.#waiting.shift()) {
      try {
        await this.#pass(call);
      } catch {
        // What waits behind it must not be told before it.
        this.#waiting.splice(0);
        this.#trim(MAX_OUTBOX_EVENTS);
        this.#later(FEED_RETRY_MS);
      }
    }
    this.#busy = false;
  }

  async #pass({ identity, update, upTo }: Call): Promise<void> {
    const feed = this.#port.feed(identity.fleet);
    const others = update === undefined ? undefined : ((await feed.project(identity.host, update)) ?? []);
    const disputed = stillDisputed(this.#store.get("disputed"), update, others);
    const events = upTo === undefined ? [] : this.#kept(upTo);
    const all = disputed && this.#store.get("disputed") !== true ? [...events, disputeEvent(identity, others ?? [])] : events;
    if (all.length > 0) await feed.append(all, identity.host);
    // Removed meanwhile: there is nothing to remember, and for a moment no table to do it in.
    if (this.#store.get("identity") === undefined) return;
    // Last: what could not be told is told when it is tried again.
    this.#store.set("disputed", disputed ? true : undefined);
    if (upTo !== undefined) this.#sql.exec("DELETE FROM outbox WHERE seq <= ?", upTo);
  }

  /** Once everything told so far has reached the Feed, or its outbox: whoever asks the Feed then finds it. */
  settled(): Promise<void> {
    return this.#telling;
  }

  /** Whether somebody looks; nobody when the Feed cannot be asked. */
  async followers(): Promise<number> {
    const identity = this.#store.get("identity");
    if (identity === undefined) return 0;
    try {
      return await this.#port.feed(identity.fleet).followers();
    } catch {
      return 0;
    }
  }

  /** From the alarm: the whole projection, then what was kept. */
  async retry(): Promise<void> {
    const identity = this.#store.get("identity");
    const dueMs = this.#store.get("feedRetryMs");
    if (identity === undefined || dueMs === undefined || dueMs > this.#port.nowMs()) return;
    try {
      await this.#pass({ identity, update: this.#port.whole(), upTo: this.#last() });
    } catch {
      this.#store.set("feedRetryMs", this.#port.nowMs() + FEED_RETRY_MS);
      return;
    }
    // What was kept while the calls above ran is told by one more round.
    this.#store.set("feedRetryMs", this.#last() === undefined ? undefined : this.#port.nowMs());
  }

  #later(afterMs: number): void {
    if (this.#store.get("identity") === undefined) return;
    if (this.#store.get("feedRetryMs") === undefined) this.#store.set("feedRetryMs", this.#port.nowMs() + afterMs);
    this.#port.rearm();
  }

  #keep(events: NewEvent[]): number | undefined {
    if (events.length === 0) return undefined;
    for (const event of events) this.#sql.exec("INSERT INTO outbox (json) VALUES (?)", JSON.stringify(event));
    // What is being told now is in the outbox too: only what waits for a Feed that is away is cut short.
    this.#trim(this.#store.get("feedRetryMs") === undefined ? MAX_UNTOLD_EVENTS : Math.max(MAX_OUTBOX_EVENTS, events.length));
    return this.#last();
  }

  #trim(most: number): void {
    const last = this.#store.get("identity") === undefined ? undefined : this.#last();
    if (last !== undefined) this.#sql.exec("DELETE FROM outbox WHERE seq <= ?", last - most);
  }

  #kept(upTo: number): NewEvent[] {
    const rows = this.#sql.exec<{ json: string }>("SELECT json FROM outbox WHERE seq <= ? ORDER BY seq", upTo).toArray();
    return rows.flatMap(({ json }) => toEvent(json) ?? []);
  }

  #last(): number | undefined {
    return this.#sql.exec<{ seq: number }>("SELECT seq FROM outbox ORDER BY seq DESC LIMIT 1").toArray()[0]?.seq;
  }
}

/** Over when the host named all it has, and nothing of it was another's. */
function stillDisputed(before = false, update: HostUpdate | undefined, others: readonly string[] = []): boolean {
  return others.length > 0 || (before && update?.sessions?.replace !== true);
}

/** Of many, a few: whoever looks into it looks at the host. */
const MAX_LISTED = 5;

function disputeEvent({ host, name }: StateOf<"identity">, sessions: readonly string[]): NewEvent {
  const listed = `${sessions.slice(0, MAX_LISTED).join(", ")}${sessions.length > MAX_LISTED ? ", …" : ""}`;
  console.warn(JSON.stringify({ message: "host names sessions of another host", host, sessions: listed }));
  return {
    type: "alert",
    subject: host,
    summary: `Host '${name}' names sessions that another host has: ${listed}. They are ignored; if it is a machine that joined anew, remove its old host.`,
    data: { name, code: "session_foreign" },
  };
}

function toEvent(json: string): NewEvent | undefined {
  const read = StoredEvent.safeParse(JSON.parse(json));
  if (!read.success) return undefined;
  const { data, ...event } = read.data;
  return data === undefined ? event : { ...event, data };
}
