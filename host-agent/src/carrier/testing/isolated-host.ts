/** Tasks of a type that asks for a container of its own, without a daemon around them. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { expect } from "vitest";
import type { AgentTypeFile } from "@maestro/shared/contract/agent-types";
import type { AttemptEnd, AttemptSpec } from "@maestro/shared/protocol/tasks";
import type { HostTasksDeps } from "../../tasks/host-tasks.ts";
import { seal } from "../../tasks/testing/sealed.ts";
import { standaloneTasks, type Standalone } from "../../tasks/testing/standalone.ts";
import { specOf } from "../../tasks/testing/task-host.ts";
import { containerName } from "../isolated-type.ts";

/** A host-agent's tasks in a directory; another one may come after it. */
export class IsolatedHost {
  readonly dir = mkdtempSync(path.join(tmpdir(), "miso-"));
  readonly #image: string;
  readonly #engine: Readonly<Record<string, string>>;
  #running: Standalone;
  readonly #sealing: Standalone["sealing"];

  constructor(image: string, engine: Readonly<Record<string, string>>, more: Partial<HostTasksDeps>) {
    this.#image = image;
    this.#engine = engine;
    this.#running = this.#begin(more);
    this.#sealing = this.#running.sealing;
  }

  #begin(more: Partial<HostTasksDeps>): Standalone {
    return standaloneTasks(this.dir, { timeScale: 0.2, ...more }, { ...process.env, ...this.#engine });
  }

  /** What runs goes on. */
  async again(more: Partial<HostTasksDeps> = {}): Promise<void> {
    await this.#running.stop();
    this.#running = this.#begin({ sealing: () => this.#sealing, ...more });
  }

  async remove(): Promise<void> {
    await this.#running.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** A script for the agent of a type that runs what it is told. */
  task(script: string, type: Partial<AgentTypeFile> = {}, more: Partial<AttemptSpec> = {}): Task {
    const definition = {
      slug: "boxed",
      adapter: "custom",
      argv: ["sh", "-c", "{{prompt}}"],
      isolate_with: "docker",
      image: this.#image,
      ...type,
    };
    const agent = { id: "agt_boxed", name: "boxed", type: "boxed", workspace: this.workspace, args: [], env: {}, definition };
    const { command: _none, ...spec } = specOf([], { prompt: script, agent, workspace: { mode: "path", path: this.workspace }, ...more });
    return new Task(this, spec);
  }

  get workspace(): string {
    return path.join(this.dir, "ws", "given");
  }

  get container(): string {
    return containerName("hst_standalone", this.workspace);
  }

  get tasks(): Standalone["tasks"] {
    return this.#running.tasks;
  }

  get sealing(): Standalone["sealing"] {
    return this.#sealing;
  }

  log(attempt: string): string {
    const file = path.join(this.dir, "attempts", attempt, "agent.log");
    return existsSync(file) ? readFileSync(file, "utf8") : "";
  }
}

class Task {
  readonly #host: IsolatedHost;
  readonly spec: AttemptSpec;

  constructor(host: IsolatedHost, spec: AttemptSpec) {
    this.#host = host;
    this.spec = spec;
  }

  get log(): string {
    return this.#host.log(this.spec.attempt);
  }

  async offer() {
    const { attempt, fence } = this.spec;
    const answer = await this.#host.tasks.offer({ t: "task.offer", id: 1, attempt, fence, spec: this.spec }, undefined);
    if (!answer.ok) throw new Error(answer.error.detail);
    return answer.value;
  }

  async start(secrets: Readonly<Record<string, string>> = {}): Promise<void> {
    const { attempt, fence } = this.spec;
    const offered = await this.offer();
    if (offered.answer !== "accepted") throw new Error(JSON.stringify(offered));
    const sealed = seal(secrets, this.#host.sealing, attempt, fence);
    await this.#host.tasks.start({ t: "task.start", id: 2, attempt, fence, sealed });
  }

  async cancel(): Promise<void> {
    const { attempt, fence } = this.spec;
    await this.#host.tasks.cancel({ t: "task.cancel", id: 3, attempt, fence, graceMs: 500, why: "cancelled" });
  }

  async cleanup() {
    const { attempt, task } = this.spec;
    this.#host.tasks.ack({ t: "task.ack", attempt, fence: 1 });
    const cleaned = await this.#host.tasks.cleanup({ t: "task.cleanup", id: 4, attempt, task, keepLogs: false });
    return cleaned.ok ? cleaned.value : cleaned.error;
  }

  get end(): AttemptEnd | undefined {
    const reports = this.#host.tasks.reports().flatMap((frame) => (frame.t === "attempts" ? frame.items : []));
    const status = reports.find(({ attempt }) => attempt === this.spec.attempt)?.status;
    return status?.state === "ended" ? status.end : undefined;
  }

  /** Nobody knows of secrets that it had: what a host-agent finds it asks for. */
  async ended(): Promise<AttemptEnd> {
    this.#host.tasks.secrets({ t: "task.secrets", attempt: this.spec.attempt, fence: 1 });
    await expect.poll(() => this.end !== undefined, { timeout: 25_000 }).toBe(true);
    if (this.end === undefined) throw new Error("it has not ended");
    return this.end;
  }

  async run(secrets: Readonly<Record<string, string>> = {}): Promise<AttemptEnd> {
    await this.start(secrets);
    return this.ended();
  }
}

const hosts: IsolatedHost[] = [];

/** @param image of its types. @param engine its environment. */
export function openHost(image: string, engine: Readonly<Record<string, string>>, more: Partial<HostTasksDeps> = {}): IsolatedHost {
  const host = new IsolatedHost(image, engine, more);
  hosts.push(host);
  return host;
}

export async function removeHosts(): Promise<void> {
  for (const host of hosts.splice(0)) await host.remove();
}
