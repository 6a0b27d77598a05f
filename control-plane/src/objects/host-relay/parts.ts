/** What a HostRelay is made of, and who speaks to whom: each part knows the others by its port only. */
import { VIEWER_GRACE_MS } from "@maestro/shared/limits";
import { CLOSE } from "@maestro/shared/protocol/close-codes";
import type { Deadlines } from "../../domain/relay/next-alarm.ts";
import { isId } from "@maestro/shared/ids";
import { openDb } from "../../db/client.ts";
import { setHostLock } from "../../db/hosts.ts";
import { SocketGate } from "../feed-gate.ts";
import { AlarmClock } from "./alarm-clock.ts";
import { HostLock } from "./host-lock.ts";
import { HostRequests } from "./host-requests.ts";
import { wholeUpdate } from "./host-status.ts";
import { Inventory } from "./inventory.ts";
import { LinkFrames } from "./link-frames.ts";
import { linkNews } from "./link-news.ts";
import { LinkSocket } from "./link-socket.ts";
import { PresenceWatch } from "./presence-watch.ts";
import { Reporter } from "./reporter.ts";
import { Rooms } from "./rooms.ts";
import { ScreenReads } from "./screen-reads.ts";
import { SessionBook } from "./session-book.ts";
import { Store } from "./store.ts";
import { taskParts, type TaskParts } from "./task-parts.ts";
import type { ViewerFramesPort } from "./viewer-frames.ts";
import { Viewers } from "./viewers.ts";

export interface Parts extends TaskParts {
  store: Store;
  gate: SocketGate;
  inventory: Inventory;
  book: SessionBook;
  reporter: Reporter;
  lock: HostLock;
  presence: PresenceWatch;
  link: LinkSocket;
  linkFrames: LinkFrames;
  rooms: Rooms;
  requests: HostRequests;
  alarm: AlarmClock;
  viewers: Viewers;
  frames: ViewerFramesPort;
  /** What waits for the alarm. */
  deadlines(): Deadlines;
}

export function assemble(ctx: DurableObjectState, env: Env, nowMs: () => number): Parts {
  const { sql } = ctx.storage;
  const scale = scaleOf(env);
  const rearm = (): void => alarm.arm(deadlines());
  const pingedMs = (socket: WebSocket): number | undefined => ctx.getWebSocketAutoResponseTimestamp(socket)?.getTime();
  const viewers = new Viewers(scale, pingedMs);
  const alarm = new AlarmClock(ctx.storage);
  const store = new Store(sql);
  const gate = new SocketGate(sql);
  const inventory = new Inventory(sql);
  const reporter = new Reporter(store, sql, {
    feed: (fleet) => env.FEED.get(env.FEED.idFromName(fleet)),
    whole: () => wholeUpdate(parts),
    nowMs,
    rearm,
  });
  const tell: Reporter["tell"] = (update, events) => reporter.tell(update, events);
  const link: LinkSocket = new LinkSocket({
    nowMs,
    scale,
    pingedMs,
    down: (seenMs, heard) => {
      rooms.linkDown();
      work.logs.linkDown();
      if (seenMs === undefined) return;
      presence.down(seenMs);
      work.tasks.down(seenMs, heard);
    },
    rearm,
  });
  const lock = new HostLock(store, link, reporter, {
    nowMs,
    write: async ({ fleet, host }, locked) => {
      if (isId("fleet", fleet) && isId("host", host)) await setHostLock(openDb(env.DB), fleet, host, locked);
    },
    rearm,
  });
  const presence = new PresenceWatch(store, {
    nowMs,
    scale,
    linkSeenMs: () => link.seenMs(),
    followers: () => reporter.followers(),
    tell,
    rearm,
  });
  const rooms = new Rooms({
    nowMs,
    scale,
    rearm,
    graceMs: VIEWER_GRACE_MS * scale,
    linked: () => link.ready,
    toHost: (frame) => void link.send(frame),
    watch: (session, from, settle) =>
      link.request("watch", (id) => ({ t: "watch", id, session, ...(from === undefined ? {} : { from }) }), settle),
    foreignSession: () => link.drop(CLOSE.forbidden, "session_foreign"),
    session: (id) => inventory.session(id),
    loadPen: (session) => store.pen(session),
    savePen: (session, pen) => store.setPen(session, pen),
  });
  const screens = new ScreenReads(rooms.memory);
  const book = new SessionBook(inventory, {
    nowMs,
    scale,
    rearm,
    tell,
    updated: (session) => rooms.sessionUpdated(session),
    removed: (id) => rooms.sessionRemoved(id),
  });
  const frames: ViewerFramesPort = {
    nowMs,
    rooms,
    session: (id) => inventory.session(id),
    linked: () => link.ready,
    sendData: (frame) => link.sendData(frame),
    host: () => ({ id: store.get("identity")?.host ?? "", name: store.get("identity")?.name ?? "" }),
  };
  const requests = new HostRequests(link, screens, {
    hostName: () => store.get("identity")?.name ?? "",
    carried: () => store.get("linkKey") !== undefined,
    lastSeenMs: () => presence.lastSeenMs,
    session: (id) => inventory.session(id),
    nowMs,
    changed: (session) => book.apply([session], [], link.mark),
    settled: () => reporter.settled(),
  });
  const work: TaskParts = taskParts({ env, sql, store, link, inventory, requests, nowMs, scale, rearm });
  const deadlines = (): Deadlines => ({
    ...work.taskDeadlines(),
    link: link.nextDeadlineMs(),
    ...viewers.deadlines(),
    presence: presence.dueMs(),
    sessions: book.flushDueMs(),
    stalled: rooms.stalledDueMs(),
    feed: store.get("feedRetryMs"),
    lock: lock.dueMs(),
  });
  const heard = linkNews({
    store,
    inventory,
    book,
    reporter,
    presence,
    rooms,
    screens,
    tasks: work.tasks,
    logs: work.logs,
    taskRequests: work.taskRequests,
    nowMs,
    mark: () => link.mark,
    whole: () => wholeUpdate(parts),
    settleAlarm: () => alarm.settle(deadlines()),
  });
  const linkFrames = new LinkFrames(link, heard, nowMs);
  const parts: Parts = {
    ...work,
    store,
    gate,
    inventory,
    book,
    reporter,
    lock,
    presence,
    link,
    linkFrames,
    rooms,
    requests,
    alarm,
    viewers,
    frames,
    deadlines,
  };
  return parts;
}

function scaleOf(env: Env): number {
  const scale = Number(env.TIME_SCALE);
  return Number.isFinite(scale) && scale > 0 && scale <= 1 ? scale : 1;
}
