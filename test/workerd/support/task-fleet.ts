/** A fleet whose hosts take tasks: what each was asked, and what it says of its attempts when told to. */
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect } from "vitest";
import type { AuditEntry } from "../../../control-plane/src/domain/access/audit-entry.ts";
import type { Task, TaskDetail } from "@maestro/shared/contract/tasks";
import type { Result } from "@maestro/shared/result";
import type { AttemptEnd, AttemptReport, AttemptStatus } from "@maestro/shared/protocol/tasks";
import type { Scheduler } from "../../../control-plane/src/objects/scheduler.ts";
import type { NewTarget, NewTask } from "../../../control-plane/src/domain/tasks/calls.ts";
import { bootstrap, joinHost, type Fleet, type TestHost } from "../access-fleet.ts";
import type { FakeHost } from "./fake-host.ts";
import { linkUp } from "./linked-fleet.ts";
import type { Text } from "./relay-frames.ts";
import { evict } from "./object-life.ts";

export const ANYBODY = {};
export const ADA = { name: "ada", credential: "tok_ada" };
/** As the Worker submits it. */
export async function submitTo(scheduler: DurableObjectStub<Scheduler>, task: NewTask): Promise<Result<Task>> {
  const taken = await scheduler.submit(JSON.stringify(task), RECORD);
  return taken.ok ? { ok: true, value: JSON.parse(taken.value) } : taken;
}

/** Of whatever is submitted. */
const RECORD: AuditEntry = { actor: "a", credential: "c", ip: "-", action: "taskCreate", target: "", outcome: "ok", requestId: "r" };

/** One host-agent that accepts what it is offered and starts what it is told to. */
export class TaskHost {
  readonly host: TestHost;
  /** Attempts it knows, by id. */
  readonly attempts = new Map<string, AttemptReport>();
  readonly started: string[] = [];
  link: FakeHost;

  private constructor(host: TestHost, link: FakeHost) {
    this.host = host;
    this.link = link;
    this.#serve(link);
  }

  static async up(host: TestHost): Promise<TaskHost> {
    const up = new TaskHost(host, await linkUp(host));
    up.tellAll();
    return up;
  }

  /** The link is cut and comes again; what was asked meanwhile is lost. */
  async redial(tell = true): Promise<void> {
    this.link = await linkUp(this.host);
    this.#serve(this.link);
    if (tell) this.tellAll();
  }

  /** [LK3] */
  tellAll(): void {
    this.link.say({ t: "attempts", items: [...this.attempts.values()], first: true, more: false });
  }

  /** What the host was asked next of this kind; it has answered when this resolves. */
  asked(t: string, attempt?: string): Promise<Text> {
    return this.link.next(t, (frame) => attempt === undefined || frame["attempt"] === attempt);
  }

  end(attempt: string, more: Partial<AttemptEnd> = {}): AttemptReport {
    const known = this.attempts.get(attempt);
    const end: AttemptEnd = { outcome: "completed", exitCode: 0, endedMs: Date.now(), result: "done", ...more };
    const report: AttemptReport = { attempt, fence: known?.fence ?? 1, status: { state: "ended", end } };
    this.attempts.set(attempt, report);
    this.link.say({ t: "task.status", report });
    return report;
  }

  /** It tells it again. */
  say(report: AttemptReport): void {
    this.link.say({ t: "task.status", report });
  }

  async acked(attempt: string): Promise<Text> {
    const ack = await this.link.next("task.ack", (frame) => frame["attempt"] === attempt);
    this.attempts.delete(attempt);
    return ack;
  }

  #serve(link: FakeHost): void {
    link.answers.set("task.offer", (frame) => {
      const [attempt, fence] = [String(frame["attempt"]), Number(frame["fence"])];
      const known = this.attempts.get(attempt);
      if (known !== undefined) return { answer: "known", status: known.status };
      this.attempts.set(attempt, { attempt, fence, status: { state: "accepted" } });
      return { answer: "accepted" };
    });
    link.answers.set("task.start", (frame) => {
      const attempt = String(frame["attempt"]);
      const known = this.attempts.get(attempt);
      if (known === undefined) return { code: "attempt_not_found", detail: "No such attempt." };
      if (known.status.state === "accepted") {
        this.started.push(attempt);
        this.attempts.set(attempt, { ...known, status: running() });
      }
      return { status: this.attempts.get(attempt)?.status };
    });
    link.answers.set("task.cancel", (frame) => {
      const known = this.attempts.get(String(frame["attempt"]));
      return known === undefined ? { code: "attempt_not_found", detail: "No such attempt." } : { status: known.status };
    });
    link.answers.set("task.cleanup", () => ({ outcome: "removed" }));
  }
}

export const running = (): AttemptStatus => ({ state: "running", startedMs: Date.now(), pid: 1, workspace: "/tmp/w", logBytes: 0 });

export interface TaskFleet {
  fleet: Fleet;
  scheduler(): DurableObjectStub<Scheduler>;
  join(name: string): Promise<TaskHost>;
  evict(): Promise<void>;
  /** The clock of the Scheduler, and its alarm at once. */
  later(ms: number): Promise<void>;
  alarm(): Promise<void>;
  submit(more?: Partial<NewTask["body"]>, targets?: NewTarget[], rest?: Partial<NewTask>): Promise<string>;
  task(id: string): Promise<TaskDetail>;
  /** Once the task stands so. */
  until(id: string, status: string): Promise<TaskDetail>;
}

export async function taskFleet(): Promise<TaskFleet> {
  const fleet = await bootstrap();
  const scheduler = () => env.SCHEDULER.getByName(fleet.id);
  const task = async (id: string): Promise<TaskDetail> => {
    const found = await scheduler().task(id, ANYBODY);
    if (!found.ok) throw new Error(`${found.error.code}: ${found.error.detail}`);
    return found.value;
  };
  let shiftMs = 0;
  return {
    fleet,
    scheduler,
    task,
    join: async (name) => TaskHost.up(await joinHost(fleet, name)),
    evict: () => evict(scheduler()),
    async later(ms) {
      shiftMs += ms;
      const now = shiftMs;
      await runInDurableObject(scheduler(), (instance) => {
        instance.now = () => Date.now() + now;
      });
      await runDurableObjectAlarm(scheduler());
    },
    async alarm() {
      await runDurableObjectAlarm(scheduler());
    },
    async submit(body = {}, targets = [{ kind: "host", selector: {} }], rest = {}) {
      const submitted = await submitTo(scheduler(), {
        body: { command: ["true"], dependsOn: [], ...body },
        sealed: {},
        targets,
        by: ADA,
        ...rest,
      });
      if (!submitted.ok) throw new Error(`${submitted.error.code}: ${submitted.error.detail}`);
      return submitted.value.id;
    },
    async until(id, status) {
      await expect.poll(async () => (await task(id)).status, { timeout: 10_000, interval: 5 }).toBe(status);
      return task(id);
    },
  };
}
