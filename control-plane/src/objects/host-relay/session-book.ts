/** Keeps what the host says of its sessions, and says onward what changed. */
import type { SessionInfo } from "@maestro/shared/protocol/session";
import type { NewEvent } from "../../domain/events/event.ts";
import type { HostUpdate } from "../../domain/events/present.ts";
import { sessionChange, untoldAfter, UPDATE_EVERY_MS, type ToldChange } from "../../domain/relay/session-change.ts";
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
  /** A new life may tell at once. */
  #flushedMs = 0;

  constructor(inventory: Inventory, port: SessionBookPort) {
    this.#inventory = inventory;
    this.#port = port;
  }

  /** [LK3] One page of a hello; its events are told with the last page, which may find another life of the object. */
  page(sessions: readonly SessionInfo[], mark: number): void {
    for (const session of sessions) {
      if (!this.#inventory.takes(session.id)) continue;
      const change = sessionChange(this.#inventory.session(session.id), session);
      this.#inventory.save(session, mark, untoldAfter(this.#inventory.untold.get(session.id), change));
      if (change === "ended" || change === "updated") this.#port.updated(session);
    }
  }

  /** After the last page: what the host did not name is gone. The caller projects the whole. */
  complete(mark: number): NewEvent[] {
    const gone = this.#inventory.unmarked(mark);
    for (const id of gone) this.#remove(id);
    return [...this.#tellAll().events, ...gone.map(removedEvent)];
  }

  apply(upsert: readonly SessionInfo[], removed: readonly string[], mark: number): void {
    const told: SessionInfo[] = [];
    const events: NewEvent[] = [];
    const due = this.#due();
    for (const session of upsert) {
      if (!this.#inventory.takes(session.id)) continue;
      const before = this.#inventory.untold.get(session.id);
      const change = sessionChange(this.#inventory.session(session.id), session);
      switch (change) {
        case "activity":
          this.#inventory.put(session);
          break;
        case "updated":
          // One row when it begins to wait, one when it is told: a title may spin.
          if (due || before !== undefined) this.#inventory.put(session, untoldAfter(before, change));
          else this.#inventory.save(session, mark, change);
          this.#port.updated(session);
          break;
        case "created":
        case "ended":
          this.#inventory.save(session, mark);
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
    this.flush();
    if (this.#inventory.untold.size > 0) this.#port.rearm();
  }

  /** Tells the coarse changes, when it is time. */
  flush(): void {
    if (this.#inventory.untold.size === 0 || !this.#due()) return;
    this.#flushedMs = this.#port.nowMs();
    const { sessions, events } = this.#tellAll();
    this.#port.tell({ sessions: { replace: false, upsert: sessions, removed: [] } }, events);
  }

  flushDueMs(): number | undefined {
    return this.#inventory.untold.size === 0 ? undefined : this.#flushedMs + UPDATE_EVERY_MS * this.#port.scale;
  }

  #due(): boolean {
    return this.#port.nowMs() >= this.#flushedMs + UPDATE_EVERY_MS * this.#port.scale;
  }

  #tellAll(): { sessions: SessionInfo[]; events: NewEvent[] } {
    const untold = [...this.#inventory.untold].flatMap(([id, change]) => {
      const session = this.#inventory.session(id);
      return session === undefined ? [] : [{ session, change }];
    });
    const sessions = untold.map(({ session }) => session);
    this.#inventory.told(sessions);
    return { sessions, events: untold.map(({ session, change }) => eventOf(change, session)) };
  }

  #remove(id: string): void {
    this.#inventory.remove(id);
    this.#port.removed(id);
  }
}

function eventOf(change: ToldChange, session: SessionInfo): NewEvent {
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
