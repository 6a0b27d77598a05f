/**
 * The host-agent's side of all watched sessions: channels on the present link, subscriptions at the holder.
 * A subscription outlives its link for the viewers' grace [CH5], a channel does not.
 */
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { HOLD_LINK_AWAY_MS, HOLD_MS, LINK_CREDIT_BYTES, MAX_REPLAY_BYTES, VIEWER_GRACE_MS } from "@maestro/shared/limits";
import type { Frame } from "@maestro/shared/protocol/frame";
import type { HostFrame, RelayFrame, WatchResult } from "@maestro/shared/protocol/link";
import { err, ok, type Result } from "@maestro/shared/result";
import type { Cancel, Clock } from "../daemon/clock.ts";
import type { Log } from "../daemon/log.ts";
import type { HolderClient } from "../holder/client.ts";
import { hostText } from "../link/host-text.ts";
import { toWire } from "../link/requests.ts";
import type { EpochEvent, GapEvent, OutputEvent, SnapshotEvent } from "../holder/types.ts";
import { Channel } from "./channel.ts";
import type { Egress } from "./egress.ts";
import { SnapshotQueue } from "./snapshot-queue.ts";

type RelayFrameOf<T extends RelayFrame["t"]> = Extract<RelayFrame, { t: T }>;

interface Watched {
  channel: Channel;
  snapshots: SnapshotQueue;
  needs: RelayFrameOf<"need">[];
}

/** Stretches the relay asked for again that wait; the relay asks piecewise and gives up none, so more are repeats. */
const MAX_NEEDS = 128;
/** A screen that could not be taken is asked for again: its session was being started anew, or the screens' worker was. */
const SNAPSHOT_RETRY_MS = 500;
/** Further stretches are asked of the holder only while the channel has less than this to send. */
const REPLAY_LOW_WATER_BYTES = 2 * MAX_REPLAY_BYTES;

export class Terminals {
  readonly #clock: Clock;
  readonly #log: Log;
  #holder: HolderClient | undefined;
  #egress: Egress | undefined;
  #nextChannel = 1;
  /** By channel number and by session: the same entries. */
  readonly #byChannel = new Map<number, Watched>();
  readonly #bySession = new Map<string, Watched>();
  /** Sessions still subscribed to though nobody watches them now; each with what keeps its end from coming. */
  readonly #orphans = new Map<string, Cancel>();

  /** Tests shorten waits, never these budgets: how long bytes are kept safe is not waited for. */
  constructor({ clock, log }: { clock: Clock; log: Log }) {
    this.#clock = clock;
    this.#log = log;
  }

  get watched(): number {
    return this.#bySession.size;
  }

  // ---- link ---------------------------------------------------------------------------------

  linkUp(egress: Egress): void {
    this.#egress = egress;
    this.#nextChannel = 1;
  }

  /** [CH5] Programs may be held a little longer while the link is away; the subscriptions end with the viewers' grace. */
  linkDown(): void {
    this.#egress = undefined;
    for (const session of this.#bySession.keys()) {
      this.#orphan(session, VIEWER_GRACE_MS);
      this.#holder?.hold(session, HOLD_LINK_AWAY_MS);
    }
    this.#byChannel.clear();
    this.#bySession.clear();
  }

  /** The daemon stops: what is still subscribed to ends with its connection to the holder. */
  dispose(): void {
    this.#forgetOrphans();
  }

  // ---- holder -------------------------------------------------------------------------------

  /** A new connection to the holder: every open channel goes on from its cursor, or learns of the new epoch. */
  holderUp(holder: HolderClient): void {
    this.#holder = holder;
    for (const entry of this.#bySession.values()) void this.#resubscribe(holder, entry);
  }

  holderDown(): void {
    this.#holder = undefined;
    this.#forgetOrphans();
    for (const entry of this.#bySession.values()) entry.snapshots.failed();
  }

  output({ session, epoch, offset, replay, bytes, room }: OutputEvent): void {
    const entry = this.#bySession.get(session);
    if (entry === undefined) return;
    entry.channel.output(epoch, offset, replay, { bytes, room: room ?? 0 });
    this.#egress?.touch(entry.channel);
  }

  snapshot({ session, epoch, offset, cols, rows, lines, viewer, bytes }: SnapshotEvent): void {
    const entry = this.#bySession.get(session);
    if (entry === undefined) return;
    const begin = {
      t: "snapshot" as const,
      channel: entry.channel.id,
      epoch,
      offset,
      bytes: bytes.byteLength,
      cols,
      rows,
      lines,
      ...(viewer === undefined ? {} : { viewer }),
    };
    entry.channel.snapshot(begin, bytes);
    entry.snapshots.arrived();
    this.#egress?.touch(entry.channel);
  }

  gap({ session, epoch, from, to }: GapEvent): void {
    const entry = this.#bySession.get(session);
    if (entry === undefined) return;
    if (entry.channel.gap(epoch, from, to)) this.#holder?.grant(session, entry.channel.grant);
    this.#egress?.touch(entry.channel);
  }

  epoch({ session, epoch, offset }: EpochEvent): void {
    const entry = this.#bySession.get(session);
    if (entry === undefined) return;
    entry.channel.epoch(epoch, offset);
    this.#holder?.grant(session, entry.channel.grant);
    this.#egress?.touch(entry.channel);
  }

  // ---- frames of the relay ------------------------------------------------------------------

  /** `reply` is called before the first frame of the channel can leave. */
  async watch(frame: RelayFrameOf<"watch">, reply: (result: Result<WatchResult>) => void): Promise<void> {
    const { session, from } = frame;
    const egress = this.#egress;
    if (egress === undefined) return;
    const holder = this.#holder;
    if (holder === undefined) return reply(err(holderAway()));
    const known = this.#bySession.get(session);
    const entry = known ?? { channel: new Channel(this.#nextChannel++, session), snapshots: new SnapshotQueue(), needs: [] };
    entry.channel.reopen();
    entry.snapshots.clear();
    entry.needs = [];
    this.#bySession.set(session, entry);
    this.#byChannel.set(entry.channel.id, entry);
    // Before the answer: the end of the grace must not take the new subscription for the old one.
    this.#adopt(session);
    const subscribed = await holder.subscribe(session, { ...(from === undefined ? {} : { from }), credit: LINK_CREDIT_BYTES });
    // A link that went meanwhile takes its requests with it.
    if (this.#egress !== egress) return;
    if (this.#byChannel.get(entry.channel.id) !== entry) {
      holder.unsubscribe(session);
      return reply(err(maestroError("superseded", "The session was unwatched before the watch was answered.")));
    }
    if (!subscribed.ok) {
      this.#forget(entry);
      return reply(subscribed);
    }
    const { epoch, offset, resumed, session: info } = subscribed.value;
    holder.hold(session, HOLD_MS);
    reply(ok({ channel: entry.channel.id, epoch, offset, resumed, session: info }));
    entry.channel.open({ epoch, offset });
    egress.add(entry.channel);
    egress.touch(entry.channel);
  }

  unwatch({ channel, lingers = false }: RelayFrameOf<"unwatch">): void {
    const entry = this.#byChannel.get(channel);
    if (entry === undefined) return;
    this.#forget(entry);
    if (lingers) this.#orphan(entry.channel.session, HOLD_MS);
    else this.#holder?.unsubscribe(entry.channel.session);
  }

  ack({ channel, epoch, offset }: RelayFrameOf<"ack">): void {
    const entry = this.#byChannel.get(channel);
    if (entry?.channel.ack(epoch, offset) === true) this.#holder?.grant(entry.channel.session, entry.channel.grant);
  }

  wantSnapshot({ channel, lines, viewer }: RelayFrameOf<"want-snapshot">): void {
    const entry = this.#byChannel.get(channel);
    if (entry === undefined) return;
    entry.snapshots.add({ lines, viewer });
    this.#startSnapshot(entry);
  }

  need(frame: RelayFrameOf<"need">): void {
    const entry = this.#byChannel.get(frame.channel);
    if (entry === undefined || frame.to <= frame.from || entry.needs.length >= MAX_NEEDS) return;
    entry.needs.push({ ...frame, to: Math.min(frame.to, frame.from + MAX_REPLAY_BYTES) });
    this.#startNeeds(entry);
  }

  resize({ channel, cols, rows }: RelayFrameOf<"resize">): void {
    const entry = this.#byChannel.get(channel);
    if (entry === undefined) return;
    void this.#holder?.resize(entry.channel.session, cols, rows).then((result) => {
      if (!result.ok) this.#log.debug("a session was not resized", { session: entry.channel.session, code: result.error.code });
    });
  }

  /** [CH6] In order, once: the link is a byte stream and nothing here repeats or keeps input. */
  input(frame: Frame): void {
    const entry = this.#byChannel.get(frame.channel);
    if (entry === undefined) return;
    if (this.#holder?.input(entry.channel.session, frame.payload) !== true) this.inputRefused(entry.channel.session, notTyped());
  }

  /** [CH6] Nothing typed is lost silently: whoever typed it is told. */
  inputRefused(session: string, error: MaestroError): void {
    const channel = this.#bySession.get(session)?.channel.id;
    this.#log.debug("input was not taken", { session, code: error.code });
    if (channel !== undefined) this.#egress?.control(hostText({ t: "input-refused", channel, error: toWire(error) }));
  }

  sync(): Extract<HostFrame, { t: "host-sync" }> {
    const channels = [...this.#byChannel.values()].map(({ channel }) => ({
      channel: channel.id,
      session: channel.session,
      ...channel.standing,
    }));
    return { t: "host-sync", channels };
  }

  /** The egress sent a frame of this channel: what waited for room may be asked for now. */
  sent(channel: Channel): void {
    const entry = this.#byChannel.get(channel.id);
    if (entry === undefined) return;
    if (entry.needs.length > 0) this.#startNeeds(entry);
    if (entry.snapshots.drained(channel.queuedBytes)) this.#startSnapshot(entry);
  }

  // ---- inside -------------------------------------------------------------------------------

  #startSnapshot(entry: Watched): void {
    const holder = this.#holder;
    if (holder === undefined) return;
    const wish = entry.snapshots.start();
    if (wish === undefined) return;
    const { session } = entry.channel;
    const want = { lines: wish.lines, ...(wish.viewer === undefined ? {} : { viewer: wish.viewer }) };
    void holder.snapshot(session, want).then((result) => {
      if (result.ok) return;
      this.#log.warn("a screen could not be taken", { session, code: result.error.code });
      entry.snapshots.failed();
      const isCurrent = (): boolean => this.#bySession.get(session) === entry && this.#holder === holder;
      if (!isCurrent()) return;
      this.#startSnapshot(entry);
      // It left the list: the relay hears of that, and closes whoever watched it.
      if (result.error.code === "session_not_found") return;
      // The relay asks once and waits; nobody else would try again.
      this.#clock.after(SNAPSHOT_RETRY_MS, () => {
        if (!isCurrent()) return;
        entry.snapshots.add(wish);
        this.#startSnapshot(entry);
      });
    });
  }

  #startNeeds(entry: Watched): void {
    while (entry.channel.queuedBytes < REPLAY_LOW_WATER_BYTES) {
      const need = entry.needs.shift();
      if (need === undefined) return;
      this.#holder?.need(entry.channel.session, { epoch: need.epoch, from: need.from, to: need.to });
    }
  }

  async #resubscribe(holder: HolderClient, entry: Watched): Promise<void> {
    const { channel } = entry;
    const from = channel.resumeAt;
    channel.reopen();
    entry.snapshots.clear();
    entry.needs = [];
    const subscribed = await holder.subscribe(channel.session, { from, credit: LINK_CREDIT_BYTES });
    if (this.#bySession.get(channel.session) !== entry || this.#holder !== holder) return;
    if (!subscribed.ok) {
      this.#log.info("a watched session did not come back with its holder", { session: channel.session, code: subscribed.error.code });
      return;
    }
    const { epoch, offset, resumed } = subscribed.value;
    channel.open({ epoch, offset }, true);
    if (epoch === from.epoch && !resumed) channel.gap(epoch, from.offset, offset);
    this.#egress?.touch(channel);
  }

  /** [CH5] Its program goes on waiting for whoever comes back within `ms`. */
  #orphan(session: string, ms: number): void {
    this.#adopt(session);
    const cancel = this.#clock.after(ms, () => {
      this.#orphans.delete(session);
      this.#holder?.unsubscribe(session);
    });
    this.#orphans.set(session, cancel);
  }

  #adopt(session: string): void {
    this.#orphans.get(session)?.();
    this.#orphans.delete(session);
  }

  #forgetOrphans(): void {
    for (const session of [...this.#orphans.keys()]) this.#adopt(session);
  }

  #forget(entry: Watched): void {
    this.#byChannel.delete(entry.channel.id);
    if (this.#bySession.get(entry.channel.session) === entry) this.#bySession.delete(entry.channel.session);
    this.#egress?.remove(entry.channel);
  }
}

const notTyped = (): MaestroError =>
  maestroError("input_refused", "The process that holds this host's terminals is not there; nothing was typed.", {
    hint: "It is being started again; type once more in a moment.",
  });
const holderAway = (): MaestroError =>
  maestroError("backend_unavailable", "The process that holds this host's terminals is not running.", {
    hint: "It is being started again; try once more in a moment.",
  });
