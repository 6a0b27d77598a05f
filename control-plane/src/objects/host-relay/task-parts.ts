/** The part of a HostRelay that carries work: what the Scheduler is told and asks, and the logs. */
import { isId } from "@maestro/shared/ids";
import { LEASE_MS } from "@maestro/shared/limits";
import { CLOSE } from "@maestro/shared/protocol/close-codes";
import type { RelayFrame } from "@maestro/shared/protocol/link";
import type { AttemptReport } from "@maestro/shared/protocol/tasks";
import { configOf } from "../../config.ts";
import { openDb } from "../../db/client.ts";
import { hostById } from "../../db/hosts.ts";
import type { HostForTasks } from "../../domain/tasks/calls.ts";
import { errorText } from "../../log-text.ts";
import { logOf } from "../log-call.ts";
import { AttemptBook } from "./attempt-book.ts";
import type { HostRequests } from "./host-requests.ts";
import type { Inventory } from "./inventory.ts";
import type { LinkSocket } from "./link-socket.ts";
import { LogIntake } from "./log-intake.ts";
import type { Store } from "./store.ts";
import { TaskNews, TASKS_RETRY_MS, type SchedulerForRelay } from "./task-news.ts";
import { TaskRequests } from "./task-requests.ts";

export interface TaskParts {
  attempts: AttemptBook;
  tasks: TaskNews;
  logs: LogIntake;
  taskRequests: TaskRequests;
  /** [TK2] The link is silent for so long that its attempts are not known to run: it ends. */
  endSilentLink(): void;
  /** From the alarm. */
  retryTasks(): Promise<void>;
  taskDeadlines(): Record<"tasks" | "lease", number | undefined>;
}

interface Around {
  env: Env;
  sql: SqlStorage;
  store: Store;
  link: LinkSocket;
  inventory: Inventory;
  requests: HostRequests;
  nowMs(): number;
  scale: number;
  rearm(): void;
}

/** Of a lease. */
const LATE = 1 / 4;
/** Where a host says nothing of how much it takes. */
const MAX_CONCURRENT = 4;

export function taskParts({ env, sql, store, link, inventory, requests, nowMs, scale, rearm }: Around): TaskParts {
  const attempts = new AttemptBook(sql);
  const send = (frame: RelayFrame): void => void link.send(frame);
  const fleet = (): string => store.get("identity")?.fleet ?? "";
  const scheduler = (of: string): SchedulerForRelay => env.SCHEDULER.getByName(of);

  const logs = new LogIntake({
    nowMs,
    log: (attempt) => logOf({ env, fleet: fleet() }, attempt),
    isOurs: (attempt) => attempts.isOurs(attempt),
    owner: (attempt) => scheduler(fleet()).attempt(attempt, {}),
    host: () => store.get("identity")?.host,
    send,
    save: (channels, all) => link.save({ logs: channels, moreLogs: !all }),
    restart: () => link.drop(CLOSE.restarting, "going_away"),
    foreign: (attempt) => {
      link.drop(CLOSE.forbidden, "attempt_foreign");
      void auditForeign(env, store, attempt);
    },
    overrun: () => link.drop(CLOSE.tooManyRequests, "rate_limited"),
    stuck: () => later(),
  });
  const later = (): void => {
    if (store.get("tasksRetryMs") === undefined) store.set("tasksRetryMs", nowMs() + TASKS_RETRY_MS * scale);
    rearm();
  };
  const tasks = new TaskNews(store, attempts, {
    nowMs,
    scale,
    rearm,
    scheduler,
    linkName: () => link.name,
    mark: () => link.mark,
    facts: () => factsOf(store, inventory),
    endLog: (report) => endLog(logs, report),
    ack: ({ unknown, ...ack }) => send({ t: "task.ack", ...ack, ...(unknown === undefined ? {} : { unknown }) }),
    askAttempts: () => send({ t: "sync", attempts: true }),
    overrun: () => link.drop(CLOSE.tooManyRequests, "rate_limited"),
  });
  const taskRequests = new TaskRequests(link, {
    nowMs,
    unreachable: () => requests.unreachable(),
    identity: () => store.get("identity"),
    config: () => configOf(env),
    origin: () => store.get("origin"),
    secretsOf: (attempt, fence) => scheduler(fleet()).secretsOf(store.get("identity")?.host ?? "", attempt, fence),
    sealingKey: () => sealingKey(env, store),
    started: (attempt) => {
      attempts.started(attempt, link.mark);
      rearm();
    },
    notThere: (attempt) => attempts.notThere(attempt),
  });
  const leaseDueMs = (): number | undefined => {
    const seenMs = attempts.size === 0 ? undefined : link.seenMs();
    return seenMs === undefined ? undefined : seenMs + LEASE_MS * scale;
  };
  return {
    attempts,
    tasks,
    logs,
    taskRequests,
    endSilentLink: () => {
      const lateMs = nowMs() - (leaseDueMs() ?? Infinity);
      // An alarm that is late by much was nobody's to take: the host may have said something meanwhile.
      if (lateMs >= 0) link.drop(CLOSE.goingAway, "going_away", lateMs < LEASE_MS * scale * LATE);
    },
    retryTasks: async () => {
      const dueMs = tasks.dueMs();
      if (dueMs === undefined || dueMs > nowMs()) return;
      await Promise.all([tasks.retry(), logs.retry()]);
    },
    taskDeadlines: () => ({ tasks: tasks.dueMs(), lease: leaseDueMs() }),
  };
}

function factsOf(store: Store, inventory: Inventory): Omit<HostForTasks, "id" | "name" | "link"> {
  const capabilities = store.get("facts")?.capabilities ?? [];
  return {
    maxConcurrent: maxConcurrentOf(capabilities),
    draining: store.get("draining") ?? false,
    capabilities,
    types: inventory.types().flatMap(({ slug, detected }) => (detected.state === "found" ? [slug] : [])),
  };
}

/** `tasks:<n>` */
function maxConcurrentOf(capabilities: readonly string[]): number {
  const told = capabilities.flatMap((capability) => /^tasks:(\d{1,4})$/.exec(capability)?.[1] ?? [])[0];
  return told === undefined ? MAX_CONCURRENT : Number(told);
}

async function endLog(logs: LogIntake, { attempt, status }: AttemptReport): Promise<void> {
  if (status.state !== "ended") return;
  const { log, outcome, exitCode } = status.end;
  await logs.end(attempt, log, { status: outcome, exitCode });
}

/** It is enrolled once and never changes. */
async function sealingKey(env: Env, store: Store): Promise<string | undefined> {
  const known = store.get("sealingKey");
  if (known !== undefined) return known;
  const host = store.get("identity")?.host;
  const row = host === undefined || !isId("host", host) ? undefined : await hostById(openDb(env.DB), host);
  // Removed meanwhile: there is nothing to remember.
  if (row !== undefined && store.get("identity") !== undefined) store.set("sealingKey", row.sealingKey);
  return row?.sealingKey;
}

/** Never in the way of the refusal itself. */
async function auditForeign(env: Env, store: Store, attempt: string): Promise<void> {
  const identity = store.get("identity");
  if (identity === undefined) return;
  const { fleet, host, name } = identity;
  try {
    await env.FEED.getByName(fleet).audit({
      actor: `host:${name}`,
      credential: host,
      ip: "",
      action: "log.open",
      target: attempt,
      outcome: "denied",
      code: "attempt_foreign",
      requestId: "",
    });
  } catch (error) {
    console.error(JSON.stringify({ message: "audit of a refusal failed", host, attempt, error: errorText(error) }));
  }
}
