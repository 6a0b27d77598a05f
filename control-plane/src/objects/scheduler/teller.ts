/**
 * Tells the fleet's Feed what happened to tasks, and who submitted them: events and audit records, in order and at least
 * once. Both are made from the tasks' rows: a task stays open until its end was told, and up to which change that went is
 * written now and then. A Feed that is away delays nothing but submissions, which are then not recorded.
 */
import type { DatedEntry } from "../../domain/access/audit-entry.ts";
import type { NewEvent } from "../../domain/events/event.ts";
import { untold } from "../../domain/tasks/telling.ts";
import type { TaskCore } from "../../domain/tasks/model.ts";
import { errorText } from "../../log-text.ts";

export const FEED_RETRY_MS = 5_000;
/** Changes of one call. */
const MAX_CHANGES = 200;
/** Of a Feed that does not answer: no more is submitted then. */
export const MAX_UNTOLD = 5_000;

/** Whether each of the two was written. */
export interface Heard {
  recorded: boolean;
  told: boolean;
}

/** `again`: it may have been written, before this life or by a call that failed. */
export interface FoundRecord {
  entry: DatedEntry;
  again: boolean;
}

interface Pending {
  change: number;
  /** What is left to be told of it. */
  event: NewEvent | undefined;
  record: FoundRecord | undefined;
  /** The task that ended with it. */
  ended?: TaskCore | undefined;
}

export interface TellerPort {
  /** @param again some of the records may have been written already. */
  hear(records: DatedEntry[], events: NewEvent[], again: boolean): Promise<Heard>;
  /** That of a task's submission. */
  recordOf(task: TaskCore): FoundRecord | undefined;
  /** Their ends are told. */
  close(tasks: TaskCore[]): void;
  nowMs(): number;
  /** After a moment in which more may come: a call costs the same for many. */
  soon(act: () => void): void;
  rearm(): void;
}

export class Teller {
  readonly #port: TellerPort;
  readonly #pending: Pending[] = [];
  #queued: number;
  #told: number;
  #awaited = false;
  #telling: Promise<void> | undefined;
  #retryMs: number | undefined;
  /** What is not told by then is looked after. */
  #waitMs = 0;
  /** Whether the last records could not be written. */
  #unrecorded = false;

  constructor(port: TellerPort, told: number) {
    this.#port = port;
    this.#told = told;
    this.#queued = told;
  }

  /** The last change that the Feed knows. */
  get told(): number {
    return this.#told;
  }

  /** The last change that it was given. */
  get queued(): number {
    return this.#queued;
  }

  /** While something is untold an alarm stands for it: the process may go before it is. */
  get dueMs(): number | undefined {
    return this.#retryMs ?? (this.#pending.length === 0 ? undefined : this.#waitMs);
  }

  /** Whether it is known that what is submitted now is not recorded soon. Then ask `recovers`. */
  get stuck(): boolean {
    return this.#unrecorded || this.#pending.length >= MAX_UNTOLD;
  }

  /** Tries once more. */
  async recovers(): Promise<boolean> {
    if (this.#pending.length >= MAX_UNTOLD) return false;
    await this.#telling;
    if (!this.stuck) return true;
    this.#retryMs = undefined;
    await (this.#telling ?? this.#start());
    return !this.stuck;
  }

  /** What is new about these tasks. */
  add(tasks: Iterable<TaskCore>): void {
    const found: Pending[] = [];
    for (const task of tasks)
      for (const { change, event } of untold(task, this.#queued)) {
        const record = event.type === "task.created" ? this.#port.recordOf(task) : undefined;
        found.push({ change, event, record, ended: event.type === "task.finished" ? task : undefined });
      }
    if (found.length === 0) return;
    found.sort((a, b) => a.change - b.change);
    if (this.#pending.length === 0) this.#waitMs = this.#port.nowMs() + FEED_RETRY_MS;
    this.#pending.push(...found);
    this.#queued = found.at(-1)?.change ?? this.#queued;
  }

  /** Never waits. */
  tell(): void {
    if (this.#awaited || this.#telling !== undefined || this.#pending.length === 0 || this.#retryMs !== undefined) return;
    this.#awaited = true;
    this.#port.soon(() => {
      this.#awaited = false;
      if (this.#retryMs === undefined) void (this.#telling ?? this.#start());
    });
  }

  /** From the alarm. */
  retry(): void {
    const nowMs = this.#port.nowMs();
    if (this.dueMs === undefined || this.dueMs > nowMs) return;
    this.#retryMs = undefined;
    this.#waitMs = nowMs + FEED_RETRY_MS;
    this.tell();
  }

  #start(): Promise<void> {
    this.#telling = this.#tellAll()
      .catch((cause: unknown) => console.error(JSON.stringify({ message: "what was told is not noted", cause: errorText(cause) })))
      .finally(() => {
        this.#telling = undefined;
        // Of what came while this one ended.
        this.tell();
        this.#port.rearm();
      });
    return this.#telling;
  }

  /** The two go on without each other: a ring of events that takes none keeps no record back. */
  async #tellAll(): Promise<void> {
    let records = true;
    let events = true;
    while (this.#retryMs === undefined) {
      const recording = records ? this.#pending.filter(({ record }) => record !== undefined).slice(0, MAX_CHANGES) : [];
      const telling = events ? this.#pending.filter(({ event }) => event !== undefined).slice(0, MAX_CHANGES) : [];
      if (recording.length + telling.length === 0) break;
      const { recorded, told } = await this.#heard(
        recording.flatMap(({ record }) => record ?? []),
        telling.flatMap(({ event }) => event ?? []),
      );
      if (recorded) for (const one of recording) one.record = undefined;
      if (told) for (const one of telling) one.event = undefined;
      records &&= recorded;
      events &&= told;
      this.#forget();
    }
    if (this.#pending.length > 0) this.#retryMs = this.#port.nowMs() + FEED_RETRY_MS;
  }

  /** In order, as far as both are done. */
  #forget(): void {
    const first = this.#pending.findIndex(({ record, event }) => record !== undefined || event !== undefined);
    const done = this.#pending.splice(0, first === -1 ? this.#pending.length : first);
    if (done.length === 0) return;
    this.#told = done.at(-1)?.change ?? this.#told;
    this.#port.close(done.flatMap(({ ended }) => ended ?? []));
  }

  async #heard(records: readonly FoundRecord[], events: NewEvent[]): Promise<Heard> {
    const entries = records.map(({ entry }) => entry);
    let heard: Heard = { recorded: false, told: false };
    try {
      heard = await this.#port.hear(
        entries,
        events,
        records.some(({ again }) => again),
      );
      if (!heard.recorded) complain(entries, "the Feed could not write it");
    } catch (cause) {
      // It may have done it all, and been cut off before it could say so.
      for (const record of records) record.again = true;
      complain(entries, errorText(cause));
    }
    if (records.length > 0) this.#unrecorded = !heard.recorded;
    return heard;
  }
}

function complain(records: readonly DatedEntry[], cause: string): void {
  console.error(
    JSON.stringify({ message: "the Feed could not be told of tasks", unrecorded: records.map(({ requestId }) => requestId), cause }),
  );
}
