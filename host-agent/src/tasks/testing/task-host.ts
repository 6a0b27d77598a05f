/** A host-agent with a fake relay, and what tests ask of its tasks. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import * as path from "node:path";
import { encodeFrame } from "@maestro/shared/protocol/frame";
import {
  AttemptResult,
  CleanupOutcome,
  OfferResult,
  type AttemptEnd,
  type AttemptReport,
  type AttemptSpec,
  type AttemptStatus,
} from "@maestro/shared/protocol/tasks";
import { DEFAULT_SETTINGS, type Settings } from "../../config/env.ts";
import type { RunningHostAgent } from "../../daemon/host-agent.ts";
import type { Identity } from "../../daemon/identity.ts";
import { FakeRelay, type RelayLink } from "../../daemon/testing/fake-relay.ts";
import { joinedHome, startTestAgent, type TestHome } from "../../daemon/testing/host-home.ts";
import { MemoryHolder } from "../../daemon/testing/memory-holder.ts";
import { seal } from "./sealed.ts";

export interface TaskHost {
  relay: FakeRelay;
  home: TestHome & { identity: Identity };
  agent: RunningHostAgent;
  workspaceRoot: string;
}

let count = 0;
/** Unique in this process, and as the control plane's look. */
export const nextAttempt = (): string => `att_${process.pid.toString(36)}x${(count++).toString(36).padStart(4, "0")}`;

export async function startTaskHost(settings: Partial<Settings> = {}, prepare: (home: TestHome) => void = () => {}): Promise<TaskHost> {
  const relay = await new FakeRelay().listen();
  const home = joinedHome(relay.origin);
  prepare(home);
  const workspaceRoot = path.join(home.dir, "ws");
  const agent = startTestAgent(home.paths, new MemoryHolder().open, { ...DEFAULT_SETTINGS, workspaceRoot, minFreeMb: 1, ...settings });
  return { relay, home, agent, workspaceRoot };
}

export function specOf(argv: readonly string[], more: Partial<AttemptSpec> = {}): AttemptSpec {
  const attempt = more.attempt ?? nextAttempt();
  return {
    task: attempt.replace("att_", "tsk_"),
    attempt,
    fence: 1,
    n: 1,
    command: [...argv],
    workspace: { mode: "default" },
    env: {},
    hostEnv: [],
    secretNames: [],
    timeoutMs: 60_000,
    trace: false,
    ...more,
  };
}

/** The relay's side of one attempt. */
export class Dialogue {
  readonly link: RelayLink;
  readonly spec: AttemptSpec;
  readonly #identity: Identity;

  constructor(link: RelayLink, spec: AttemptSpec, identity: Identity) {
    this.link = link;
    this.spec = spec;
    this.#identity = identity;
  }

  get #name() {
    return { attempt: this.spec.attempt, fence: this.spec.fence };
  }

  async offer(link = this.link): Promise<OfferResult> {
    return OfferResult.parse(await this.#ask({ t: "task.offer", id: link.nextId(), ...this.#name, spec: this.spec }, link));
  }

  async start(secrets: Readonly<Record<string, string>> = {}): Promise<AttemptStatus> {
    const sealed = seal(secrets, this.#identity.sealing, this.spec.attempt, this.spec.fence);
    const answer = AttemptResult.parse(await this.#ask({ t: "task.start", id: this.link.nextId(), ...this.#name, sealed }));
    return answer.status;
  }

  /** @param spoil what comes is not what was announced. */
  async offerAsBlob(spoil: (bytes: Buffer) => void = () => {}): Promise<OfferResult> {
    const bytes = Buffer.from(JSON.stringify(this.spec));
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    spoil(bytes);
    const channel = this.link.nextId() + 1_000_000;
    for (let offset = 0; offset < bytes.byteLength; offset += 50_000)
      this.link.socket.send(
        encodeFrame({ kind: "blob", flags: 0, epoch: 0, channel, offset, payload: bytes.subarray(offset, offset + 50_000) }),
      );
    const blob = { channel, bytes: bytes.byteLength, sha256 };
    return OfferResult.parse(await this.#ask({ t: "task.offer", id: this.link.nextId(), ...this.#name, blob }));
  }

  /** Sealed for what is not this attempt. */
  async startSealedFor(attempt: string): Promise<AttemptStatus> {
    const sealed = seal({}, this.#identity.sealing, attempt, this.spec.fence);
    return AttemptResult.parse(await this.#ask({ t: "task.start", id: this.link.nextId(), ...this.#name, sealed })).status;
  }

  async cleanup(keepLogs = false): Promise<ReturnType<typeof CleanupOutcome.parse>> {
    const { attempt, task } = this.spec;
    return CleanupOutcome.parse(await this.#ask({ t: "task.cleanup", id: this.link.nextId(), attempt, task, keepLogs }));
  }

  async cancel(graceMs = 1_000): Promise<AttemptStatus> {
    const answer = AttemptResult.parse(
      await this.#ask({ t: "task.cancel", id: this.link.nextId(), ...this.#name, graceMs, why: "cancelled" }),
    );
    return answer.status;
  }

  async ended(link: RelayLink = this.link): Promise<AttemptEnd> {
    const report = await link.until(() => endOf(reportsOn(link), this.spec.attempt), `the end of ${this.spec.attempt}`, 25_000);
    return report;
  }

  ack(link: RelayLink = this.link): void {
    link.send({ t: "task.ack", ...this.#name });
  }

  async #ask(frame: Parameters<RelayLink["request"]>[0], link = this.link): Promise<unknown> {
    const reply = await link.request(frame);
    if (reply.t === "reply-error") throw new Error(`${reply.error.code}: ${reply.error.detail}`);
    return reply.value;
  }

  async run(secrets: Readonly<Record<string, string>> = {}): Promise<AttemptEnd> {
    const offered = await this.offer();
    if (offered.answer !== "accepted") throw new Error(`not accepted: ${JSON.stringify(offered)}`);
    const status = await this.start(secrets);
    return status.state === "ended" ? status.end : this.ended();
  }
}

export const reportsOn = (link: RelayLink): AttemptReport[] => [
  ...link.frames("attempts").flatMap(({ items }) => items),
  ...link.frames("task.status").map(({ report }) => report),
];

export function endOf(reports: readonly AttemptReport[], attempt: string): AttemptEnd | undefined {
  for (const report of reports) if (report.attempt === attempt && report.status.state === "ended") return report.status.end;
  return undefined;
}

export const attemptFile = (host: TaskHost, attempt: string, name: string): string | undefined => {
  const file = path.join(host.home.paths.attemptsDir, attempt, name);
  return existsSync(file) ? readFileSync(file, "utf8") : undefined;
};
