/**
 * A host that takes every offer, starts at once and ends at once, on a real link with its own key: what a Scheduler is measured
 * and proven against when the machines behind it would only be in the way. It does what TK1 and TK3 ask of a host, in memory.
 */
import { createHash, randomBytes } from "node:crypto";
import { CLOSE } from "@maestro/shared/protocol/close-codes";
import { encodeFrame } from "@maestro/shared/protocol/frame";
import type { HostFrame, RelayFrame } from "@maestro/shared/protocol/link";
import type { AttemptEnd, AttemptReport, AttemptStatus } from "@maestro/shared/protocol/tasks";
import { helloFacts } from "../../host-agent/src/daemon/facts.ts";
import { hostAuthorization } from "../../host-agent/src/link/authorization.ts";
import { helloFrames } from "../../host-agent/src/link/hello.ts";
import { LINK_PATH } from "../../host-agent/src/link/link.ts";
import { openSocket, type LinkSocket } from "../../host-agent/src/link/socket.ts";
import type { Enrolled } from "./simulated-hosts.ts";
import { Signal, until } from "./wait.ts";

export interface TaskHostOptions {
  maxConcurrent: number;
  /** Whether what started ends at once; otherwise `endAll` ends it. */
  endAtOnce?: boolean;
  /** What each run writes. */
  output?: Uint8Array;
  /** Of every offer that is new. */
  offered?: () => void;
  /** Of every start, with the task's id. */
  started?: (task: string) => void;
}

interface Known {
  fence: number;
  task: string;
  status: AttemptStatus;
}

const REDIAL_MS = 50;
const DIAL_TIMEOUT_MS = 15_000;

export class SimulatedTaskHost implements AsyncDisposable {
  readonly name: string;
  readonly #enrolled: Enrolled;
  readonly #url: URL;
  readonly #options: Required<TaskHostOptions>;
  readonly #instance = randomBytes(12).toString("base64url");
  readonly #abort = new AbortController();
  readonly #changed = new Signal();
  readonly #attempts = new Map<string, Known>();
  readonly #startedMs = Date.now();
  #socket: LinkSocket | undefined;
  #connects = 0;
  #channel = 0;
  #running: Promise<void> = Promise.resolve();
  /** Every start, in order: a task that is named twice was run twice. */
  readonly starts: string[] = [];
  up = false;

  private constructor(enrolled: Enrolled, url: string, options: TaskHostOptions) {
    this.name = enrolled.name;
    this.#enrolled = enrolled;
    this.#url = new URL(url);
    this.#options = { endAtOnce: true, output: new Uint8Array(0), offered: () => undefined, started: () => undefined, ...options };
  }

  /** Resolves once its link is up. */
  static async open(enrolled: Enrolled, url: string, options: TaskHostOptions): Promise<SimulatedTaskHost> {
    const host = new SimulatedTaskHost(enrolled, url, options);
    host.#running = host.#run();
    await until(`${host.name} linked`, host.#changed.changes, () => (host.up ? true : undefined), { timeoutMs: 60_000 });
    return host;
  }

  /** What it has and was not yet told to forget. */
  get open(): number {
    return this.#attempts.size;
  }

  /** Ends everything that runs, and from now on whatever starts. */
  endAll(): void {
    this.#options.endAtOnce = true;
    for (const [attempt, known] of this.#attempts) if (known.status.state === "running") this.#end(attempt, known, "completed");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    this.#socket?.terminate();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#abort.signal.aborted) {
      await this.#connect();
      this.up = false;
      this.#changed.emit();
      if (!this.#abort.signal.aborted) await new Promise((resolve) => setTimeout(resolve, REDIAL_MS));
    }
  }

  async #connect(): Promise<void> {
    const ended = Promise.withResolvers<void>();
    this.#connects++;
    const opened = await openSocket({
      url: this.#url,
      path: LINK_PATH,
      timeoutMs: DIAL_TIMEOUT_MS,
      signal: this.#abort.signal,
      headers: { authorization: this.#authorization() },
      events: {
        text: (text) => this.#text(text),
        binary: () => undefined,
        drained: () => undefined,
        closed: () => ended.resolve(),
      },
    });
    if (opened.type !== "open") return;
    if (this.#abort.signal.aborted) return opened.socket.close(CLOSE.goingAway, "");
    this.#socket = opened.socket;
    for (const frame of helloFrames(this.#facts(), [], 0)) this.#send(frame);
    await ended.promise;
    this.#socket = undefined;
  }

  #authorization(): string {
    const { id, signing } = this.#enrolled;
    return hostAuthorization(
      { hostId: id, origin: this.#url.origin, instance: this.#instance, bootId: "boot" },
      {
        key: signing,
        epoch: { start: this.#startedMs, connect: this.#connects },
        timeMs: Date.now(),
        method: "GET",
        path: LINK_PATH,
      },
    );
  }

  #facts() {
    return helloFacts({
      agentVersion: "0.0.0-simulated",
      instance: this.#instance,
      bootId: "boot",
      policyDigest: "",
      roots: ["/tmp"],
      maxConcurrent: this.#options.maxConcurrent,
      holder: undefined,
      searchPath: "",
      degraded: [],
    });
  }

  #text(text: string): void {
    if (text === "pong") return;
    const frame = JSON.parse(text) as RelayFrame;
    if (frame.t === "welcome") {
      this.up = true;
      this.#changed.emit();
      this.#tellAll();
    } else if (frame.t === "task.offer") this.#reply(frame.id, this.#offered(frame));
    else if (frame.t === "task.start") {
      this.#reply(frame.id, { status: this.#start(frame.attempt) });
      if (this.#options.endAtOnce) this.#endOne(frame.attempt, "completed");
    } else if (frame.t === "task.cancel") {
      this.#endOne(frame.attempt, "cancelled");
      this.#reply(frame.id, { status: this.#attempts.get(frame.attempt)?.status ?? endedNow("cancelled", undefined) });
    } else if (frame.t === "task.cleanup") this.#reply(frame.id, { outcome: "absent" });
    else if (frame.t === "sync") {
      this.#send({ t: "host-sync", channels: [] });
      if (frame.attempts === true) this.#tellAll();
    } else if (frame.t === "task.ack") {
      this.#attempts.delete(frame.attempt);
      this.#changed.emit();
    } else if ("id" in frame)
      this.#send({ t: "reply-error", id: frame.id, error: { code: "policy_denied", detail: "A simulated host does only tasks." } });
  }

  #offered({ attempt, fence, spec }: Extract<RelayFrame, { t: "task.offer" }>): object {
    const known = this.#attempts.get(attempt);
    if (known !== undefined) return { answer: "known", status: known.status };
    this.#options.offered();
    this.#attempts.set(attempt, { fence, task: spec?.task ?? "", status: { state: "accepted" } });
    return { answer: "accepted" };
  }

  #start(attempt: string): AttemptStatus {
    const known = this.#attempts.get(attempt);
    if (known === undefined) return endedNow("lost", undefined);
    if (known.status.state === "accepted") {
      this.starts.push(known.task);
      this.#options.started(known.task);
      known.status = { state: "running", startedMs: Date.now(), pid: process.pid, workspace: "/tmp", logBytes: 0 };
    }
    return known.status;
  }

  #endOne(attempt: string, outcome: AttemptEnd["outcome"]): void {
    const known = this.#attempts.get(attempt);
    if (known !== undefined && known.status.state !== "ended") this.#end(attempt, known, outcome);
  }

  #end(attempt: string, known: Known, outcome: AttemptEnd["outcome"]): void {
    const { output } = this.#options;
    known.status = endedNow(outcome, output);
    if (output.byteLength > 0) {
      const channel = ++this.#channel;
      this.#send({ t: "log.open", channel, attempt, fence: known.fence });
      this.#socket?.sendBinary(encodeFrame({ kind: "log", flags: 0, epoch: 0, channel, offset: 0, payload: output }));
    }
    this.#send({ t: "task.status", report: { attempt, fence: known.fence, status: known.status } });
  }

  /** [LK3] In pages of a hundred. */
  #tellAll(): void {
    const items = [...this.#attempts].map(([attempt, { fence, status }]): AttemptReport => ({ attempt, fence, status }));
    for (let at = 0; at === 0 || at < items.length; at += 100)
      this.#send({ t: "attempts", items: items.slice(at, at + 100), first: at === 0, more: at + 100 < items.length });
  }

  #reply(id: number, value: object): void {
    this.#send({ t: "reply", id, value });
  }

  #send(frame: HostFrame): void {
    this.#socket?.sendText(JSON.stringify(frame));
  }
}

function endedNow(outcome: AttemptEnd["outcome"], output: Uint8Array | undefined): AttemptStatus {
  const nowMs = Date.now();
  return {
    state: "ended",
    end: {
      outcome,
      exitCode: outcome === "completed" ? 0 : null,
      startedMs: nowMs,
      endedMs: nowMs,
      ...(output === undefined ? {} : { log: { bytes: output.byteLength, sha256: createHash("sha256").update(output).digest("hex") } }),
    },
  };
}
