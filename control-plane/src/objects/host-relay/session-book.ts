/** Keeps what the host says of its sessions, and says onward what changed. */
import type { SessionInfo } from "@maestro/shared/protocol/session";
import type { NewEvent } from "../../domain/events/event.ts";
import type { HostUpdate } from "../../domain/events/present.ts";
import { sessionChange, UPDATE_EVERY_MS } from "../../domain/relay/session-change.ts";
import type { Inventory } from "./inventory.ts";

export interface SessionBookPort {
  nowMs(): number;
  scale: number;
  rearm(): void;
  tell(update: HostUpdate, events: NewEvent[]): void;
  /** For its viewers, at once. */
  updated(session: SessionInfo): void;
  removed(id: string): void;
}

export class SessionBook {
  readonly #inventory: Inventory;
  readonly #port: SessionBookPort;
  readonly #dirty = new Set<string>();
  /** Of a hello under way; its events are told with its last page. */
  #pending: NewEvent[] = [];
  #flushedMs = 0;

  constructor(inventory: Inventory, port: SessionBookPort) {
    this.#inventory = inventory;
    this.#port = port;
  }

  /** [LK3] One page of a hello. */
  page(sessions: readonly SessionInfo[], mark: number): void {
    for (const session of sessions) {
      if (!this.#inventory.takes(session.id)) continue;
      const change = sessionChange(this.#inventory.session(session.id), session);
      this.#inventory.save(session, mark);
      if (change === "activity") continue;
      this.#pending.push(eventOf(change, session));
      if (change !== "created") this.#port.updated(session);
    }
  }

  /** After the last page: what the host did not name is gone. The caller projects the whole. */
  complete(mark: number): NewEvent[] {
    const gone = this.#inventory.unmarked(mark);
    for (const id of gone) this.#remove(id);
    this.#dirty.clear();
    const events = [...this.#pending, ...gone.map(removedEvent)];
    this.#pending = [];
    return events;
  }

  apply(upsert: readonly SessionInfo[], removed: readonly string[], mark: number): void {
    const told: SessionInfo[] = [];
    const events: NewEvent[] = [];
    for (const session of upsert) {
      if (!this.#inventory.takes(session.id)) continue;
      const change = sessionChange(this.#inventory.session(session.id), session);
      switch (change) {
        case "activity":
          this.#inventory.put(session);
          break;
        case "updated":
          this.#inventory.put(session);
          this.#dirty.add(session.id);
          this.#port.updated(session);
          break;
        case "created":
        case "ended":
          this.#inventory.save(session, mark);
          this.#dirty.delete(session.id);
          this.#port.updated(session);
          told.push(session);
          events.push(eventOf(change, session));
      }
    }
    const gone = removed.filter((id) => this.#inventory.session(id) !== undefined);
    for (const id of gone) {
      this.#remove(id);
      events.push(removedEvent(id));
    }
    if (events.length > 0) this.#port.tell({ sessions: { replace: false, upsert: told, removed: [...gone] } }, events);
    this.flush(mark);
    if (this.#dirty.size > 0) this.#port.rearm();
  }

  /** Tells the coarse changes, when it is time. */
  flush(mark: number): void {
    const nowMs = this.#port.nowMs();
    if (this.#dirty.size === 0 || nowMs < this.#flushedMs + UPDATE_EVERY_MS * this.#port.scale) return;
    this.#flushedMs = nowMs;
    const sessions = [...this.#dirty].flatMap((id) => this.#inventory.session(id) ?? []);
    this.#dirty.clear();
    for (const session of sessions) this.#inventory.save(session, mark);
    this.#port.tell(
      { sessions: { replace: false, upsert: sessions, removed: [] } },
      sessions.map((session) => eventOf("updated", session)),
    );
  }

  flushDueMs(): number | undefined {
    return this.#dirty.size === 0 ? undefined : this.#flushedMs + UPDATE_EVERY_MS * this.#port.scale;
  }

  #remove(id: string): void {
    this.#dirty.delete(id);
    this.#inventory.remove(id);
    this.#port.removed(id);
  }
}

function eventOf(change: "created" | "ended" | "updated", session: SessionInfo): NewEvent {
  switch (change) {
    case "created":
      return { type: "session.created", subject: session.id, summary: `Session '${session.name}' opened.`, data: { name: session.name } };
    case "ended":
      return {
        type: "session.ended",
        subject: session.id,
        summary: `Session '${session.name}' ended: ${endText(session)}.`,
        data: { name: session.name, reason: session.end?.reason ?? "" },
      };
    case "updated":
      return {
        type: "session.updated",
        subject: session.id,
        summary: `Session '${session.name}' changed.`,
        data: { name: session.name, title: session.title },
      };
  }
}

function endText({ end }: SessionInfo): string {
  if (end === undefined) return "unknown";
  if (end.code !== undefined) return `${end.reason} with ${end.code}`;
  return end.signal === undefined ? end.reason : `${end.reason} by ${end.signal}`;
}

const removedEvent = (id: string): NewEvent => ({
  type: "session.removed",
  subject: id,
  summary: "An ended session was taken off the list.",
});
