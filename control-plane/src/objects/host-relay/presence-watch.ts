/** [LK4] Tells the fleet when presence changes. Computed, never counted: an alarm is set only while somebody looks. */
import type { Presence } from "@maestro/shared/contract/resources";
import { ONLINE_FOR_MS } from "@maestro/shared/limits";
import type { NewEvent } from "../../domain/events/event.ts";
import type { HostUpdate } from "../../domain/events/present.ts";
import { nextChangeMs, presenceAt } from "../../domain/relay/presence.ts";
import type { Store } from "./store.ts";

export interface PresenceWatchPort {
  nowMs(): number;
  scale: number;
  /** The last sign of life of the link that is open, if one is. */
  linkSeenMs(): number | undefined;
  followers(): Promise<number>;
  tell(update: HostUpdate | undefined, events: NewEvent[]): void;
  rearm(): void;
}

export class PresenceWatch {
  readonly #store: Store;
  readonly #port: PresenceWatchPort;
  /** While the link is open and somebody follows. Not kept through hibernation: the physical alarm is. */
  #nextLookMs: number | undefined;

  constructor(store: Store, port: PresenceWatchPort) {
    this.#store = store;
    this.#port = port;
  }

  get lastSeenMs(): number | undefined {
    return this.#port.linkSeenMs() ?? this.#store.get("seen")?.lastSeenMs;
  }

  get presence(): Presence {
    return presenceAt(this.lastSeenMs, this.#port.nowMs(), this.#port.scale);
  }

  /** The hello is complete. Returns the events of it; the caller projects. */
  up(): NewEvent[] {
    const nowMs = this.#port.nowMs();
    const reported = this.#store.get("seen")?.reported;
    this.#store.set("seen", { lastSeenMs: nowMs, reported: "online" });
    void this.look();
    return reported === "online" ? [] : [this.#event("online")];
  }

  down(seenMs: number): void {
    const reported = this.#store.get("seen")?.reported ?? "online";
    this.#store.set("seen", { lastSeenMs: seenMs, reported });
    this.#nextLookMs = undefined;
    this.#port.tell({ facts: { connected: false, lastSeenMs: seenMs } }, []);
    this.#port.rearm();
  }

  /** Tells a change since it was told last; costs nothing when there is none. */
  report(): void {
    const seen = this.#store.get("seen");
    const { presence, lastSeenMs } = this;
    if (seen === undefined || lastSeenMs === undefined || presence === "never" || presence === seen.reported) return;
    this.#store.set("seen", { lastSeenMs, reported: presence });
    this.#port.tell({ facts: { lastSeenMs } }, [this.#event(presence)]);
  }

  /** Goes on looking at an open link for as long as somebody follows. */
  async look(): Promise<void> {
    const followed = (await this.#port.followers()) > 0;
    const seenMs = this.#port.linkSeenMs();
    if (!followed || seenMs === undefined) {
      this.#nextLookMs = undefined;
      return;
    }
    const { scale } = this.#port;
    const next = nextChangeMs(seenMs, this.#port.nowMs(), scale) ?? this.#port.nowMs() + ONLINE_FOR_MS * scale;
    // A stale link is looked at as often as a live one: it may come back.
    this.#nextLookMs = Math.min(next, this.#port.nowMs() + ONLINE_FOR_MS * scale);
    this.#port.rearm();
  }

  dueMs(): number | undefined {
    if (this.#port.linkSeenMs() !== undefined) return this.#nextLookMs;
    return nextChangeMs(this.#store.get("seen")?.lastSeenMs, this.#port.nowMs(), this.#port.scale);
  }

  #event(presence: Exclude<Presence, "never">): NewEvent {
    const identity = this.#store.get("identity");
    return {
      type: `host.${presence}`,
      subject: identity?.host ?? "",
      summary: `Host '${identity?.name ?? ""}' is ${presence}.`,
      data: { name: identity?.name ?? "" },
    };
  }
}
