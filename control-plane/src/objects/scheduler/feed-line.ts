/**
 * The Scheduler's line to the fleet's Feed: records of what it is asked to do, which must stand before that is done, and
 * events, which are told once it is done. One call at a time, and it carries what waits for the one before.
 */
import { err, ok, type Result } from "@maestro/shared/result";
import type { AuditEntry } from "../../domain/access/audit-entry.ts";
import { unrecorded } from "../../domain/access/unrecorded.ts";
import type { NewEvent } from "../../domain/events/event.ts";
import { errorText } from "../../log-text.ts";

/** Of one call. */
const MAX_ENTRIES = 100;

/** Whether each of the two was written. */
export interface Heard {
  recorded: boolean;
  told: boolean;
}

export type Hear = (entries: AuditEntry[], events: NewEvent[]) => Promise<Heard>;

interface Waiting<T> {
  item: T;
  done(written: boolean): void;
}

export class FeedLine {
  readonly #hear: Hear;
  readonly #entries: Waiting<AuditEntry>[] = [];
  readonly #events: Waiting<NewEvent[]>[] = [];
  #busy = false;

  constructor(hear: Hear) {
    this.#hear = hear;
  }

  /** Resolves once it is stored, or with `audit_unavailable`. */
  async record(entry: AuditEntry): Promise<Result<void>> {
    return (await this.#send(this.#entries, entry)) ? ok(undefined) : err(unrecorded());
  }

  /** Rejects when they are not stored. */
  async append(events: NewEvent[]): Promise<void> {
    if (!(await this.#send(this.#events, events))) throw new Error("the Feed did not take them");
  }

  #send<T>(queue: Waiting<T>[], item: T): Promise<boolean> {
    return new Promise((done) => {
      queue.push({ item, done });
      if (!this.#busy) void this.#sendAll();
    });
  }

  async #sendAll(): Promise<void> {
    this.#busy = true;
    while (this.#entries.length + this.#events.length > 0) {
      const entries = this.#entries.splice(0, MAX_ENTRIES);
      const events = this.#events.splice(0);
      const { recorded, told } = await this.#heard(
        entries.map(({ item }) => item),
        events.flatMap(({ item }) => item),
      );
      for (const { done } of entries) done(recorded);
      for (const { done } of events) done(told);
    }
    this.#busy = false;
  }

  async #heard(entries: AuditEntry[], events: NewEvent[]): Promise<Heard> {
    try {
      const heard = await this.#hear(entries, events);
      if (heard.recorded) return heard;
      complain(entries, "the Feed could not write it");
      return heard;
    } catch (cause) {
      complain(entries, errorText(cause));
      return { recorded: false, told: false };
    }
  }
}

function complain(entries: AuditEntry[], cause: string): void {
  if (entries.length > 0)
    console.error(JSON.stringify({ message: "audit unavailable", requests: entries.map(({ requestId }) => requestId), cause }));
}
