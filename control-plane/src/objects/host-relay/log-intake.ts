/**
 * [LG1] Log bytes of this host's attempts on their way to the AttemptLogs: in order for each attempt, and no more of them in
 * memory than a host may have on its way. Which channel is whose is kept in the link's attachment; nothing is written per frame.
 */
import type { MaestroError } from "@maestro/shared/errors";
import { LINK_CREDIT_BYTES, MAX_FRAME_BYTES } from "@maestro/shared/limits";
import type { Frame } from "@maestro/shared/protocol/frame";
import type { RelayFrame } from "@maestro/shared/protocol/link";
import { fullBucket, LINK_NEWS_RATE, take, type Bucket } from "../../domain/relay/rate.ts";
import type { AttemptLogCalls, AttemptOwner } from "../../domain/tasks/calls.ts";
import type { Result } from "@maestro/shared/result";

/** [LG1] A host that was asked to go back may have sent its credit twice. */
const MAX_WAITING_BYTES = 2 * LINK_CREDIT_BYTES + MAX_FRAME_BYTES;
const MAX_WAITING_IN_ALL = 32 * 1024 * 1024;
/** Logs of one link at once. */
const MAX_OPEN_LOGS = 1_000;
/** As many as fit an attachment beside the rest of it. */
export const MAX_KEPT_LOGS = 150;
/** What goes to the log in one call. */
const MAX_APPEND_BYTES = 256 * 1024;
/** Less than this, stored by itself, counts as news of the host does. */
const SMALL_BYTES = 1024;
const TRIES = 2;

interface Appended {
  durable: number;
  need?: number | undefined;
  complete: boolean;
}

export interface LogOfAttempt {
  append(offset: number, bytes: Uint8Array): Promise<Appended>;
  skip(from: number, to: number): Promise<Appended>;
  state(): Promise<Standing & { followed: boolean }>;
  end(...end: Parameters<AttemptLogCalls["end"]>): Promise<Standing>;
}

interface Standing {
  durable: number;
  complete: boolean;
  /** [LG2] All of it is to come once more. */
  again?: true | undefined;
}

export interface LogIntakePort {
  nowMs(): number;
  log(attempt: string): LogOfAttempt;
  /** Started here, by what the relay knows itself. */
  isOurs(attempt: string): boolean;
  owner(attempt: string): Promise<Result<AttemptOwner, MaestroError>>;
  host(): string | undefined;
  send(frame: RelayFrame): void;
  /** Into the link's attachment. `all`: there are no more than these. */
  save(channels: [number, string][], all: boolean): void;
  /** What a life before this one knew of the link is not known any more: it begins anew. */
  restart(): void;
  foreign(attempt: string): void;
  /** More is on its way than may be. */
  overrun(): void;
  /** Something could not be stored: `retry` later. */
  stuck(): void;
}

type Job =
  | { type: "open" }
  | { type: "bytes"; offset: number; bytes: Uint8Array }
  | { type: "skip"; from: number; to: number }
  | { type: "end"; end: Parameters<AttemptLogCalls["end"]>; done: (error: unknown) => void };

interface Channel {
  readonly number: number;
  readonly attempt: string;
  jobs: Job[];
  waiting: number;
  busy: boolean;
  /** Not ours, or nobody's: what comes is dropped. */
  refused: boolean;
  needed: number | undefined;
  told: number;
}

export class LogIntake {
  readonly #port: LogIntakePort;
  readonly #channels = new Map<number, Channel>();
  readonly #followed = new Set<string>();
  #waiting = 0;
  /** Of what is stored in pieces too small. */
  #small: Bucket | undefined;
  /** Some that are open were not kept through hibernation. */
  #someUnknown = false;

  constructor(port: LogIntakePort) {
    this.#port = port;
  }

  /** After a wake: as the attachment has them. The first that comes on one finds out anew whose it is, and where it stands. */
  restore(channels: readonly (readonly [number, string])[], all: boolean): void {
    this.#someUnknown = !all;
    for (const [number, attempt] of channels) this.#channels.set(number, { ...newChannel(number, attempt), jobs: [{ type: "open" }] });
  }

  open(number: number, attempt: string): void {
    for (const other of this.#channels.values()) if (other.attempt === attempt || other.number === number) this.#close(other);
    if (this.#channels.size >= MAX_OPEN_LOGS) return this.#port.overrun();
    const channel = newChannel(number, attempt);
    this.#channels.set(number, channel);
    this.#save();
    this.#push(channel, { type: "open" });
  }

  /** What belongs to no channel is dropped: its log is complete, or nobody's. */
  bytes({ channel: number, offset, payload }: Frame): void {
    const channel = this.#channels.get(number);
    if (channel === undefined && this.#someUnknown) return this.#port.restart();
    if (channel === undefined || channel.refused || payload.byteLength === 0) return;
    channel.waiting += payload.byteLength;
    this.#waiting += payload.byteLength;
    if (channel.waiting > MAX_WAITING_BYTES || this.#waiting > MAX_WAITING_IN_ALL) return this.#port.overrun();
    this.#push(channel, { type: "bytes", offset, bytes: payload });
  }

  skip(attempt: string, from: number, to: number): void {
    const channel = this.#of(attempt);
    if (channel !== undefined && !channel.refused) this.#push(channel, { type: "skip", from, to });
  }

  /** [LG2] Behind the bytes that came before it. Of an attempt that is not ours, or nobody's, it is no log's end. */
  async end(attempt: string, ...end: Parameters<AttemptLogCalls["end"]>): Promise<void> {
    const channel = this.#of(attempt);
    if (channel === undefined) {
      if ((await this.#whose(attempt)) === "ours") this.#askIfAgain(attempt, await this.#port.log(attempt).end(...end));
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const done = (error: unknown): void => (error === undefined ? resolve() : reject(error));
      this.#push(channel, { type: "end", end, done });
    });
  }

  follow(attempt: string, follow: boolean): void {
    if (follow) this.#followed.add(attempt);
    else this.#followed.delete(attempt);
    this.#port.send({ t: "log.follow", attempt, follow });
  }

  /** Said by a log itself, of bytes it stored later, or lost. */
  durable(attempt: string, offset: number): void {
    const channel = this.#of(attempt);
    if (channel === undefined) return;
    channel.told = offset;
    this.#port.send({ t: "log.durable", attempt, offset });
  }

  need(attempt: string, from: number): void {
    if (this.#of(attempt) !== undefined) this.#port.send({ t: "log.need", attempt, from });
  }

  /** The link went: what was on its way is sent again on the next one. */
  linkDown(): void {
    for (const channel of this.#channels.values()) this.#drop(channel);
    this.#channels.clear();
    this.#someUnknown = false;
  }

  /** From the alarm: what was not stored; and what a life before this one had in memory is asked for again. */
  async retry(): Promise<void> {
    for (const channel of [...this.#channels.values()]) {
      const hasBytes = channel.jobs.some(({ type }) => type === "bytes");
      this.#start(channel);
      if (!hasBytes) await this.#askAgain(channel);
    }
  }

  async #askAgain({ attempt }: Channel): Promise<void> {
    try {
      const { durable, complete } = await this.#port.log(attempt).state();
      if (!complete) this.#port.send({ t: "log.need", attempt, from: durable });
    } catch {
      this.#port.stuck();
    }
  }

  #of(attempt: string): Channel | undefined {
    for (const channel of this.#channels.values()) if (channel.attempt === attempt) return channel;
    return undefined;
  }

  #push(channel: Channel, job: Job): void {
    channel.jobs.push(job);
    this.#start(channel);
  }

  #start(channel: Channel): void {
    if (!channel.busy) void this.#work(channel);
  }

  async #work(channel: Channel): Promise<void> {
    channel.busy = true;
    for (let job = this.#next(channel); job !== undefined; job = this.#next(channel)) {
      const error = await this.#try(channel, job);
      if (job.type === "end") job.done(error);
      else if (error !== undefined && this.#channels.get(channel.number) === channel) {
        this.#halt(channel, job, error);
        break;
      } else if (job.type === "bytes") this.#passed(channel, job.bytes.byteLength);
    }
    channel.busy = false;
  }

  /** Until `retry`. An end is told again by whoever told it; the bytes before it come first. */
  #halt(channel: Channel, failed: Job, error: unknown): void {
    for (const job of channel.jobs) if (job.type === "end") job.done(error);
    channel.jobs = [failed, ...channel.jobs.filter(({ type }) => type !== "end")];
    this.#port.stuck();
  }

  /** Bytes that follow each other go together. */
  #next(channel: Channel): Job | undefined {
    const first = channel.jobs.shift();
    if (first?.type !== "bytes") return first;
    const parts = [first.bytes];
    let bytes = first.bytes.byteLength;
    for (let next = channel.jobs[0]; next?.type === "bytes"; next = channel.jobs[0]) {
      if (next.offset !== first.offset + bytes || bytes + next.bytes.byteLength > MAX_APPEND_BYTES) break;
      parts.push(next.bytes);
      bytes += next.bytes.byteLength;
      channel.jobs.shift();
    }
    return { type: "bytes", offset: first.offset, bytes: joined(parts, bytes) };
  }

  async #try(channel: Channel, job: Job): Promise<unknown> {
    for (let tries = 1; ; tries++) {
      try {
        await this.#do(channel, job);
        return undefined;
      } catch (error) {
        if (tries === TRIES) return error;
      }
    }
  }

  async #do(channel: Channel, job: Job): Promise<void> {
    const { attempt } = channel;
    if (channel.refused) return;
    const log = this.#port.log(attempt);
    switch (job.type) {
      case "open":
        return this.#opened(channel, log);
      case "bytes":
        return this.#answer(channel, await log.append(job.offset, job.bytes));
      case "skip":
        return this.#answer(channel, await log.skip(job.from, job.to), true);
      case "end": {
        const standing = await log.end(...job.end);
        this.#askIfAgain(attempt, standing);
        // The end stores what followers had before.
        if (standing.durable > channel.told) this.durable(attempt, standing.durable);
        if (standing.complete) this.#close(channel);
      }
    }
  }

  #askIfAgain(attempt: string, { again, durable, complete }: Standing): void {
    if (again === true && !complete) this.#port.send({ t: "log.need", attempt, from: durable });
  }

  async #opened(channel: Channel, log: LogOfAttempt): Promise<void> {
    const { attempt } = channel;
    const whose = await this.#whose(attempt);
    if (whose !== "ours") {
      channel.refused = true;
      if (whose === "foreign") this.#port.foreign(attempt);
      return;
    }
    if (this.#followed.has(attempt)) this.#port.send({ t: "log.follow", attempt, follow: true });
    const standing = await log.state();
    const { durable, followed } = standing;
    channel.told = durable;
    this.#port.send({ t: "log.durable", attempt, offset: durable });
    this.#askIfAgain(attempt, standing);
    if (followed && !this.#followed.has(attempt)) this.follow(attempt, true);
  }

  async #whose(attempt: string): Promise<"ours" | "foreign" | "nobody's"> {
    if (this.#port.isOurs(attempt)) return "ours";
    const owner = await this.#port.owner(attempt);
    // [TK3] Nobody knows it: it is told so when the host names it.
    if (!owner.ok) return "nobody's";
    return owner.value.host.id === this.#port.host() ? "ours" : "foreign";
  }

  #answer(channel: Channel, { durable, need, complete }: Appended, always = false): void {
    const { attempt } = channel;
    if (this.#channels.get(channel.number) !== channel) return;
    if (need !== undefined) {
      // Everything after a gap is answered the same; it is said once.
      if (channel.needed !== need) this.#port.send({ t: "log.need", attempt, from: need });
      channel.needed = need;
      channel.told = durable;
      return;
    }
    channel.needed = undefined;
    if (durable > channel.told && durable - channel.told < SMALL_BYTES && !this.#takeSmall()) return this.#port.overrun();
    if (durable > channel.told || always) this.#port.send({ t: "log.durable", attempt, offset: durable });
    channel.told = durable;
    if (complete) this.#close(channel);
  }

  /** Each is a row. An honest host sends so little when a log is followed, which is stored together, or at its end. */
  #takeSmall(): boolean {
    const nowMs = this.#port.nowMs();
    const left = take((this.#small ??= fullBucket(LINK_NEWS_RATE, nowMs)), LINK_NEWS_RATE, 1, nowMs);
    this.#small = left ?? this.#small;
    return left !== undefined;
  }

  #passed(channel: Channel, bytes: number): void {
    channel.waiting -= bytes;
    this.#waiting -= bytes;
  }

  #close(channel: Channel): void {
    if (this.#channels.get(channel.number) !== channel) return;
    this.#channels.delete(channel.number);
    // Its log tells nobody that its followers went with its end; opened anew, it says whether there are any.
    this.#followed.delete(channel.attempt);
    this.#drop(channel);
    this.#save();
  }

  /** Nothing of it is stored from here; an end that waits is told again. */
  #drop(channel: Channel): void {
    const jobs = channel.jobs;
    channel.jobs = [];
    for (const job of jobs) {
      if (job.type === "bytes") this.#passed(channel, job.bytes.byteLength);
      else if (job.type === "end")
        void this.#port
          .log(channel.attempt)
          .end(...job.end)
          .then(() => job.done(undefined), job.done);
    }
  }

  #save(): void {
    const kept = [...this.#channels.values()].slice(0, MAX_KEPT_LOGS);
    this.#port.save(
      kept.map(({ number, attempt }) => [number, attempt]),
      !this.#someUnknown && kept.length === this.#channels.size,
    );
  }
}

const newChannel = (number: number, attempt: string): Channel => ({
  number,
  attempt,
  jobs: [],
  waiting: 0,
  busy: false,
  refused: false,
  needed: undefined,
  told: 0,
});

function joined(parts: readonly Uint8Array[], bytes: number): Uint8Array {
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}
