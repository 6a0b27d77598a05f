/**
 * [TK3] What the Scheduler is told of this host: that its link is up or went, what it can take, and how its attempts stand; in
 * that order, one after the other, and of each attempt the latest only. What could not be told is kept and told by alarm; the
 * host is not told that an end is stored before it is.
 */
import type { HostForTasks, SchedulerCalls } from "../../domain/tasks/calls.ts";
import type { AttemptReport } from "@maestro/shared/protocol/tasks";
import { errorText } from "../../log-text.ts";
import type { AttemptBook } from "./attempt-book.ts";
import type { StateOf, Store } from "./store.ts";

export const TASKS_RETRY_MS = 5_000;
/** An object that is just being moved is there again at once. */
const TRIES = 2;
/** More than a host that is believed makes; past it the link ends, and all is told anew. */
const MAX_JOBS = 1_000;
/** Of one call, which costs the same for many. */
const MAX_STATUSES = 100;

export type SchedulerForRelay = Pick<
  SchedulerCalls,
  "hostUp" | "hostAttempts" | "attemptStatuses" | "hostDown" | "hostChanged" | "attempt" | "secretsOf"
>;

export interface AttemptPage {
  items: AttemptReport[];
  first: boolean;
  more: boolean;
}

type Ack = { attempt: string; fence: number; unknown?: boolean | undefined };

export interface TaskNewsPort {
  nowMs(): number;
  scale: number;
  rearm(): void;
  scheduler(fleet: string): SchedulerForRelay;
  /** Of the link whose hello is complete. */
  linkName(): string | undefined;
  mark(): number;
  facts(): Omit<HostForTasks, "id" | "name" | "link">;
  /** [LG2] The end of its log, behind the bytes that came before it. */
  endLog(report: AttemptReport): Promise<void>;
  ack(ack: Ack): void;
  /** The host is to name all its attempts again. */
  askAttempts(): void;
  /** It says more than can be told. */
  overrun(): void;
}

type Job =
  | { type: "up"; link: string }
  | { type: "changed" }
  | { type: "page"; link: string; page: AttemptPage }
  | { type: "statuses"; attempts: string[] }
  | { type: "down"; link: string; seenMs: number; heard: boolean };

export class TaskNews {
  readonly #store: Store;
  readonly #book: AttemptBook;
  readonly #port: TaskNewsPort;
  readonly #jobs: Job[] = [];
  /** What the host said last of each attempt that has a job. */
  readonly #latest = new Map<string, AttemptReport>();
  #busy = false;
  #working: Promise<void> = Promise.resolve();

  constructor(store: Store, book: AttemptBook, port: TaskNewsPort) {
    this.#store = store;
    this.#book = book;
    this.#port = port;
  }

  /** A life before this one may have left something. */
  resume(lastSeenMs: number | undefined): void {
    const told = this.#store.get("tasksLink");
    const link = this.#port.linkName();
    if (link !== undefined && told?.link !== link) this.#upAgain(link);
    // It went with the process. It may be the host's redial that woke the object: that tells more, and comes first.
    else if (link === undefined && told !== undefined && told.seenMs === undefined) {
      this.#store.set("tasksLink", { link: told.link, seenMs: lastSeenMs ?? this.#port.nowMs() });
      this.#later();
    } else if (this.#store.get("tasksRetryMs") !== undefined) this.#port.rearm();
  }

  up(): void {
    const link = this.#port.linkName();
    if (link === undefined) return;
    this.#store.set("tasksLink", { link });
    this.#push({ type: "up", link });
  }

  /** @param heard it was listened to ever since: what is told later cannot say so any more. */
  down(seenMs: number, heard: boolean): void {
    const told = this.#store.get("tasksLink");
    if (told === undefined) return;
    this.#store.set("tasksLink", { link: told.link, seenMs });
    this.#push({ type: "down", link: told.link, seenMs, heard });
  }

  /** Renamed, drained, other types. */
  changed(): void {
    if (this.#port.linkName() !== undefined && !this.#jobs.some(({ type }) => type === "changed")) this.#push({ type: "changed" });
  }

  attempts(page: AttemptPage): void {
    const link = this.#port.linkName();
    if (link === undefined) return;
    const mark = this.#port.mark();
    for (const { attempt, status } of page.items)
      if (status.state === "running" || status.state === "cancelling") this.#book.add(attempt, mark);
    this.#book.named(
      page.items.map(({ attempt }) => attempt),
      mark,
    );
    if (!page.more) this.#book.keep(mark);
    this.#port.rearm();
    this.#push({ type: "page", link, page });
  }

  status(report: AttemptReport): void {
    const { attempt, status } = report;
    if ((status.state === "running" || status.state === "cancelling") && !this.#book.has(attempt)) {
      this.#book.add(attempt, this.#port.mark());
      this.#port.rearm();
    }
    const waits = this.#latest.has(attempt);
    this.#latest.set(attempt, report);
    if (!waits) this.#tellOf(attempt);
  }

  /** From the alarm. */
  async retry(): Promise<void> {
    const dueMs = this.#store.get("tasksRetryMs");
    if (dueMs === undefined || dueMs > this.#port.nowMs()) return;
    this.#store.set("tasksRetryMs", undefined);
    const told = this.#store.get("tasksLink");
    const link = this.#port.linkName();
    if (link !== undefined && told?.link !== link) this.#upAgain(link);
    else if (told?.seenMs !== undefined) this.#push({ type: "down", link: told.link, seenMs: told.seenMs, heard: false });
    for (const report of this.#book.untold()) if (!this.#latest.has(report.attempt)) this.status(report);
    await this.settled();
  }

  dueMs(): number | undefined {
    return this.#store.get("tasksRetryMs");
  }

  /** Once all that was said so far was told, or kept. */
  settled(): Promise<void> {
    return this.#working;
  }

  #upAgain(link: string): void {
    this.#store.set("tasksLink", { link });
    this.#push({ type: "up", link });
    this.#port.askAttempts();
  }

  /** With others that wait, where nothing else comes between. */
  #tellOf(attempt: string): void {
    const last = this.#jobs.at(-1);
    if (last?.type === "statuses" && last.attempts.length < MAX_STATUSES && this.#latest.size <= MAX_JOBS) last.attempts.push(attempt);
    else this.#push({ type: "statuses", attempts: [attempt] });
  }

  #push(job: Job): void {
    if (this.#store.get("identity") === undefined) return;
    if (this.#jobs.length >= MAX_JOBS || this.#latest.size > MAX_JOBS) {
      this.#jobs.splice(0);
      this.#latest.clear();
      return this.#port.overrun();
    }
    this.#jobs.push(job);
    if (!this.#busy) this.#working = this.#work();
  }

  async #work(): Promise<void> {
    this.#busy = true;
    for (let job = this.#jobs.shift(); job !== undefined; job = this.#jobs.shift()) {
      const identity = this.#store.get("identity");
      if (identity !== undefined) await this.#tell(job, identity);
    }
    this.#busy = false;
  }

  async #tell(job: Job, identity: StateOf<"identity">): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#pass(job, identity);
      } catch (error) {
        if (tries < TRIES) continue;
        console.warn(
          JSON.stringify({ message: "the Scheduler could not be told", what: job.type, host: identity.host, error: errorText(error) }),
        );
        return this.#keep(job);
      }
    }
  }

  async #pass(job: Job, { fleet, host, name }: StateOf<"identity">): Promise<void> {
    const scheduler = this.#port.scheduler(fleet);
    switch (job.type) {
      case "up":
        return scheduler.hostUp({ id: host, name, link: job.link, ...this.#port.facts() });
      case "changed":
        return scheduler.hostChanged(host, { name, ...this.#port.facts() });
      case "page": {
        const { items, first, more } = job.page;
        // Their logs end too, however the link went before.
        const ends = new Map(items.map((report) => [report.attempt, this.#ending(report)]));
        const { acked } = await scheduler.hostAttempts(host, job.link, items, first, more);
        for (const ack of acked) this.#ackOnce(ack, ends.get(ack.attempt));
        return;
      }
      case "statuses":
        return this.#passStatuses(job.attempts, scheduler, host);
      case "down":
        await scheduler.hostDown(host, job.link, job.seenMs, job.heard);
        // Not that of a link that came up meanwhile.
        if (this.#store.get("tasksLink")?.link === job.link) this.#store.set("tasksLink", undefined);
    }
  }

  async #passStatuses(attempts: readonly string[], scheduler: SchedulerForRelay, host: string): Promise<void> {
    const reports = attempts.flatMap((attempt) => this.#latest.get(attempt) ?? []);
    const ends = reports.map((report) => this.#ending(report));
    const answers = await scheduler.attemptStatuses(host, reports);
    for (const [i, report] of reports.entries()) {
      const { attempt, fence } = report;
      const { ack = false, unknown } = answers[i] ?? {};
      this.#book.told(attempt);
      if (ack) this.#ackOnce({ attempt, fence, ...(unknown === undefined ? {} : { unknown }) }, ends[i]);
      // What it said meanwhile is told next.
      if (this.#latest.get(attempt) === report) this.#latest.delete(attempt);
      else this.#tellOf(attempt);
    }
  }

  /** Resolves to the report if its log could not be told. Nobody else's news waits for it. */
  async #ending(report: AttemptReport): Promise<AttemptReport | undefined> {
    if (report.status.state !== "ended") return undefined;
    try {
      await this.#port.endLog(report);
      return undefined;
    } catch (error) {
      console.warn(JSON.stringify({ message: "the end of a log could not be stored", attempt: report.attempt, error: errorText(error) }));
      return report;
    }
  }

  /** The end is stored everywhere: the host need not tell it again. */
  #ackOnce(ack: Ack, ended: Promise<AttemptReport | undefined> = Promise.resolve(undefined)): void {
    void ended.then((failed) => {
      if (failed === undefined || ack.unknown === true) {
        this.#book.remove(ack.attempt);
        this.#port.ack(ack);
      } else {
        this.#keepUntold(failed);
        this.#later();
      }
    });
  }

  #keep(job: Job): void {
    switch (job.type) {
      case "up":
      case "changed":
      case "page":
        // All of it is told anew: the link is not known to be up.
        this.#drop("page");
        this.#store.set("tasksLink", undefined);
        break;
      case "statuses":
        for (const attempt of job.attempts) {
          const report = this.#latest.get(attempt);
          this.#latest.delete(attempt);
          if (report !== undefined) this.#keepUntold(report);
        }
        break;
      case "down":
        break;
    }
    this.#later();
  }

  /** What there is no room for is in the host's own book, which is asked for anew once the Scheduler can be told. */
  #keepUntold(report: AttemptReport): void {
    if (this.#book.keepUntold(report, this.#port.mark()) || this.#port.linkName() === undefined) return;
    this.#store.set("tasksLink", undefined);
  }

  #drop(type: Job["type"]): void {
    const rest = this.#jobs.filter((job) => job.type !== type);
    this.#jobs.splice(0, this.#jobs.length, ...rest);
  }

  #later(): void {
    if (this.#store.get("identity") === undefined) return;
    if (this.#store.get("tasksRetryMs") === undefined)
      this.#store.set("tasksRetryMs", this.#port.nowMs() + TASKS_RETRY_MS * this.#port.scale);
    this.#port.rearm();
  }
}
