/** What the host says, handed to those it concerns: rooms of viewers, the book of sessions, presence, the fleet. */
import type { HostUpdate } from "../../domain/events/present.ts";
import type { Inventory } from "./inventory.ts";
import type { LinkEvents } from "./link-frames.ts";
import type { LogIntake } from "./log-intake.ts";
import type { PresenceWatch } from "./presence-watch.ts";
import type { Reporter } from "./reporter.ts";
import type { Rooms } from "./rooms.ts";
import type { ScreenReads } from "./screen-reads.ts";
import type { SessionBook } from "./session-book.ts";
import type { Store } from "./store.ts";
import type { TaskNews } from "./task-news.ts";
import type { TaskRequests } from "./task-requests.ts";

interface Listeners {
  store: Store;
  inventory: Inventory;
  book: SessionBook;
  reporter: Reporter;
  presence: PresenceWatch;
  rooms: Rooms;
  screens: ScreenReads;
  tasks: TaskNews;
  logs: LogIntake;
  taskRequests: TaskRequests;
  nowMs(): number;
  /** Of the hello of the link that is open. */
  mark(): number;
  /** Everything there is to project. */
  whole(): HostUpdate;
  /** The hello is over: its alarm may be taken back. */
  settleAlarm(): void;
}

export function linkNews(to: Listeners): LinkEvents {
  return {
    hello: (hello, mark) => {
      const { agentVersion, platform, capabilities, roots, policyDigest, bootId } = hello;
      to.store.set("facts", { agentVersion, platform, capabilities, roots, policyDigest, bootId });
      to.book.page(hello.sessions, mark);
    },
    helloPage: (sessions, mark) => to.book.page(sessions, mark),
    welcome: (version, mark) => {
      const { store, book, presence, reporter, whole, nowMs } = to;
      const events = [...presence.up(), ...book.complete(mark)];
      reporter.tell(whole(), events);
      return {
        t: "welcome",
        version,
        serverTimeMs: nowMs(),
        hostName: store.get("identity")?.name ?? "",
        registryVersion: store.get("registry") ?? 0,
        draining: store.get("draining") ?? false,
      };
    },
    up: () => {
      to.rooms.linkUp();
      to.tasks.up();
      to.settleAlarm();
    },
    inventory: (page, mark) => {
      const { inventory, reporter, store } = to;
      if (inventory.saveTypes(page.types, mark)) store.set("typesChanged", true);
      if (page.more) return;
      if (!inventory.keepTypes(mark) && store.get("typesChanged") !== true) return;
      store.set("typesChanged", undefined);
      to.tasks.changed();
      const { host = "", name = "" } = store.get("identity") ?? {};
      reporter.tell({ types: inventory.types() }, [
        { type: "types.changed", subject: host, summary: `Agent types of host '${name}' changed.`, data: { name } },
      ]);
    },
    sessions: (upsert, removed) => {
      to.presence.report();
      to.book.apply(upsert, removed, to.mark());
    },
    metrics: () => to.presence.report(),
    output: (frame, whole) => to.rooms.output(frame, whole),
    snapshotBegins: (begin) => to.rooms.snapshotBegins(begin),
    snapshotPart: (frame, whole) => to.rooms.snapshotPart(frame, whole),
    blob: (frame) => to.screens.add(frame),
    gap: (channel, gap) => to.rooms.gap(channel, gap),
    epochChanged: (channel, epoch, offset) => to.rooms.epochChanged(channel, epoch, offset),
    inputRefused: (channel, error) => to.rooms.inputRefused(channel, error),
    synced: (channels) => to.rooms.synced(channels),
    attemptStatus: (report) => to.tasks.status(report),
    secretsAsked: (attempt, fence) => void to.taskRequests.secretsAgain(attempt, fence),
    attempts: (page) => to.tasks.attempts(page),
    logOpens: (channel, attempt) => to.logs.open(channel, attempt),
    logSkips: (attempt, from, until) => to.logs.skip(attempt, from, until),
    log: (frame) => to.logs.bytes(frame),
  };
}
