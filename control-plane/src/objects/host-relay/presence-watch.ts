/** [LK4] Tells the fleet when presence changes. Computed, never counted: an alarm is set only while somebody looks. */
import type { Presence } from "@maestro/shared/contract/resources";
import { ONLINE_FOR_MS } from "@maestro/shared/limits";
import type { NewEvent } from "../../domain/events/event.ts";
import type { HostUpdate } from "../../domain/events/present.ts";
import { nextChangeMs, presenceAt, silentSinceMs } from "../../domain/relay/presence.ts";
import type { Store } from "./store.ts";

export interface PresenceWatchPort {
  nowMs(): number;
  scale: number;
  /** The last sign of life of the link, if one is open and its hello complete. */
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

  /** When the link was found gone, if nobody saw its end. */
  get goneMs(): number | undefined {
    return this.#store.get("seen")?.goneMs;
  }

  get presence(): Presence {
    return presenceAt(this.#silentSinceMs, this.#port.nowMs(), this.#port.scale);
  }

  /**
   * After a wake without a link. One that was open went with the process: the fleet still believes in it. Nothing is
   * told yet, for it may be this very host's redial that woke the object; whoever asks is told, and the alarm does it
   * when nobody asks.
   */
  missed(): void {
    const seen = this.#store.get("seen");
    if (seen?.open !== true || seen.goneMs !== undefined) return;
    this.#store.set("seen", { ...seen, goneMs: this.#port.nowMs() });
    this.#port.rearm();
  }

  /** The hello is complete. Returns the events of it; the caller projects. */
  up(): NewEvent[] {
    const nowMs = this.#port.nowMs();
    const reported = this.#store.get("seen")?.reported;
    this.#store.set("seen", { lastSeenMs: nowMs, reported: "online", open: true });
    void this.look();
    return reported === "online" ? [] : [this.#event("online")];
  }

  down(seenMs: number): void {
    const reported = this.#store.get("seen")?.reported ?? "online";
    this.#store.set("seen", { lastSeenMs: seenMs, reported });
    this.#nextLookMs = undefined;
    this.#port.tell({ facts: { connected: false, lastSeenMs: seenMs, goneMs: undefined } }, []);
    this.#port.rearm();
  }

  /** Whoever carried it has let go of it: it counts as unconfirmed at once, as after a link that went without a word. */
  letGo(): void {
    const seen = this.#store.get("seen");
    if (seen === undefined || this.presence !== "online") return;
    this.#store.set("seen", { ...seen, open: true, goneMs: this.#port.nowMs() });
    this.report();
  }

  /** Tells a change since it was told last; costs nothing when there is none. */
  report(): void {
    const seen = this.#store.get("seen");
    const { presence, lastSeenMs } = this;
    if (seen === undefined || lastSeenMs === undefined || presence === "never") return;
    const { goneMs } = seen;
    // Only a link that is found gone is still open by its row and not in fact.
    const untold = goneMs !== undefined && seen.open === true;
    if (presence === seen.reported && !untold) return;
    this.#store.set("seen", {
      lastSeenMs,
      reported: presence,
      ...(goneMs === undefined ? { open: seen.open } : { open: false, goneMs }),
    });
    const facts = goneMs === undefined ? { lastSeenMs } : { connected: false, lastSeenMs, goneMs };
    this.#port.tell({ facts }, presence === seen.reported ? [] : [this.#event(presence)]);
    this.#port.rearm();
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
    const { scale } = this.#port;
    const { goneMs, open } = this.#store.get("seen") ?? {};
    if (goneMs !== undefined && open === true) return goneMs + ONLINE_FOR_MS * scale;
    return nextChangeMs(this.#silentSinceMs, this.#port.nowMs(), scale);
  }

  get #silentSinceMs(): number | undefined {
    const seen = this.#store.get("seen");
    return this.#port.linkSeenMs() ?? silentSinceMs(seen?.lastSeenMs, seen?.goneMs, this.#port.scale);
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
