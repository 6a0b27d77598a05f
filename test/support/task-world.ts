/**
 * One control plane and several machines, their links through proxies that can cut them, a ledger that all work leaves
 * marks in, and an account of what was submitted and of what was done to it. What the world knows is what users know: the API.
 */
import { accessSync, constants, existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { CleanupResult, Task, TaskDetail, isFinal, type TaskBody } from "@maestro/shared/contract/tasks";
import type * as z from "zod";
import { ApiRefusal, type Api } from "./api.ts";
import { ChaosProxy } from "./chaos-proxy.ts";
import type { ChildOptions } from "./child.ts";
import { TestHome } from "./home.ts";
import { Product, type SecondHost } from "./maestro.ts";
import { Ledger, nonceCommand, violations, type Excuse, type NonceTask } from "./nonce.ts";
import { isAlive, processInfo } from "./processes.ts";
import { poll } from "./wait.ts";

export interface WorldHost {
  name: string;
  home: TestHome;
  /** Undefined for the product's own machine, which `up` supervises. */
  second: SecondHost | undefined;
  proxy: ChaosProxy | undefined;
}

export interface WorldOptions {
  timeScale: number;
  /** Machines beside the product's own. */
  others?: readonly OtherHost[];
  env?: Readonly<Record<string, string>>;
}

export interface OtherHost {
  name: string;
  home?: TestHome;
  spawn?: ChildOptions["spawn"];
  /** Its program, when it is not the one that was built. */
  bundle?: string;
  /** Of its own timers, when they are not the world's. */
  timeScale?: number;
}

/** What a task may be submitted with beside its work. */
export type NonceBody = Omit<z.input<typeof TaskBody>, "id" | "command" | "prompt">;

export interface Submitted {
  id: string;
  work: NonceTask;
  body: NonceBody;
  excuses: Set<Excuse>;
}

/** One credential may make 600 requests a minute; a world asks more. */
const CREDENTIALS = 6;
/** Small, for disks that are small on purpose. */
const MIN_FREE_MB = "8";
const AWAY_MS = 120_000;
const WAIT_S = 20;

export class TaskWorld implements AsyncDisposable {
  readonly product: Product;
  readonly hosts: WorldHost[] = [];
  readonly ledger: Ledger;
  readonly submitted = new Map<string, Submitted>();
  readonly #excusedAttempts = new Map<string, Excuse>();
  readonly #apis: Api[] = [];
  #asked = 0;

  private constructor(product: Product) {
    this.product = product;
    this.ledger = new Ledger(join(product.home.directory("ledger"), "ledger"));
  }

  static async open({ timeScale, others = [], env = {} }: WorldOptions): Promise<TaskWorld> {
    const home = new TestHome();
    const hostEnv = (of: TestHome): Record<string, string> => ({
      MAESTRO_WORKSPACE_ROOT: of.directory("w"),
      MAESTRO_MIN_FREE_MB: MIN_FREE_MB,
      ...env,
    });
    const product = await Product.up({ home, timeScale, env: hostEnv(home) });
    const world = new TaskWorld(product);
    try {
      for (let n = 0; n < CREDENTIALS; n++) {
        const { secret } = await product.api.createToken({ name: `world-${n}`, role: "operator" });
        world.#apis.push(product.api.as(secret));
      }
      world.hosts.push({ name: product.api.defaultHost ?? "", home, second: undefined, proxy: undefined });
      for (const { name, home: own = new TestHome(), ...how } of others) {
        const proxy = await ChaosProxy.listen({ target: { port: product.port }, log: () => undefined });
        const second = await product.joinHost(name, { home: own, through: proxy.url, timeScale, env: hostEnv(own), ...how });
        world.hosts.push({ name, home: own, second, proxy });
      }
      return world;
    } catch (error) {
      await world[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The next credential's turn. */
  get api(): Api {
    return this.#apis[this.#asked++ % this.#apis.length] ?? this.product.api;
  }

  host(name: string): WorldHost {
    const found = this.hosts.find((host) => host.name === name);
    if (found === undefined) throw new Error(`no host ${name} in this world`);
    return found;
  }

  /** Until it is acknowledged: asked again under the same id when nobody answered. */
  async submit(work: NonceTask, body: NonceBody = {}): Promise<Submitted> {
    const id = `t-${work.nonce}`;
    const sent = { on: {}, ...body, id, command: nonceCommand(work, this.ledger.file) };
    const task: Submitted = { id, work, body, excuses: new Set() };
    await this.#patiently(`task ${id} acknowledged`, async () => {
      const answer = await this.api.request("POST", "/api/v1/tasks", sent);
      if (answer.status === 201) return Task.parse(answer.json);
      const refusal = new ApiRefusal("POST /api/v1/tasks", answer);
      if (refusal.problem?.code === "task_exists") return answer;
      throw refusal;
    });
    this.submitted.set(id, task);
    return task;
  }

  task(id: string): Promise<TaskDetail> {
    return this.#patiently(`task ${id}`, () => this.api.call(TaskDetail, "GET", `/api/v1/tasks/${id}`));
  }

  /** Once it has ended; by the route that waits. */
  ended(id: string, timeoutMs = AWAY_MS): Promise<TaskDetail> {
    return poll(
      `task ${id} ended`,
      async () => {
        const { status } = await this.api.call(Task, "GET", `/api/v1/tasks/${id}/wait?timeout=${WAIT_S}`);
        return isFinal(status) ? this.task(id) : undefined;
      },
      { timeoutMs, everyMs: 50, detail: () => this.describe(id) },
    );
  }

  /** The bytes the edge has of an attempt's log; undefined when there is none. */
  log(attempt: string): Promise<Uint8Array | undefined> {
    return this.#patiently(`log of ${attempt}`, async () => {
      const api = this.api;
      const answer = await fetch(new URL(`/api/v1/attempts/${attempt}/log`, api.url), {
        headers: { authorization: `Bearer ${api.token ?? ""}` },
      });
      const bytes = new Uint8Array(await answer.arrayBuffer());
      if (answer.status === 404) return { bytes: undefined };
      if (answer.status >= 400) throw new Error(`log of ${attempt}: ${answer.status} ${Buffer.from(bytes).toString("utf8")}`);
      return { bytes };
    }).then(({ bytes }) => bytes);
  }

  /** The file the child itself wrote, on whichever host. */
  file(attempt: string): Uint8Array | undefined {
    const file = this.hosts.map(({ home }) => join(attemptsDirectory(home), attempt, "agent.log")).find((path) => existsSync(path));
    return file === undefined ? undefined : readFileSync(file);
  }

  /** Everything submitted so far has ended; what of invariant I does not hold. */
  async violations(ids: readonly string[] = [...this.submitted.keys()]): Promise<string[]> {
    const ended = new Map<string, TaskDetail>();
    for (const id of ids) ended.set(id, await this.ended(id));
    const counts = this.ledger.counts();
    const found: string[] = [];
    for (const [id, task] of ended) {
      const { work, excuses, body } = this.#known(id);
      const ran = task.attempts.findLast(({ startedAt }) => startedAt !== undefined) ?? task.attempts.at(-1);
      const whole = ran === undefined ? undefined : await this.#wholeLog(ran.id);
      found.push(
        ...violations(
          { id, work, excuses: new Set([...excuses, ...this.#attemptExcuses(task)]), allowed: await this.#allowed(body) },
          {
            status: task.status,
            reason: task.reason?.code,
            detail: task.reason?.detail,
            exitCode: task.exitCode,
            runs: counts.get(work.nonce) ?? 0,
            log: whole,
            file: ran === undefined ? undefined : this.file(ran.id),
          },
        ),
      );
    }
    return found;
  }

  /** Its files on hosts are removed, as people do once they have seen how it ended. */
  async cleanUp(id: string): Promise<void> {
    await poll(
      `task ${id} cleaned up`,
      async () => {
        const { items } = await this.#patiently(`cleanup of ${id}`, () =>
          this.api.call(CleanupResult, "POST", `/api/v1/tasks/${id}/cleanup`, {}),
        );
        return items.every(({ outcome }) => outcome !== "unreachable") ? true : undefined;
      },
      { timeoutMs: AWAY_MS, everyMs: 250 },
    );
  }

  /** Attempts that run on this host now, by its own files. */
  running(host: WorldHost): { attempt: string; runner: number }[] {
    const directory = attemptsDirectory(host.home);
    if (!existsSync(directory)) return [];
    return readdirSync(directory).flatMap((attempt) => {
      const at = (name: string) => join(directory, attempt, name);
      if (existsSync(at("exit.json")) || !existsSync(at("started"))) return [];
      const [runner = 0, began] = readFileSync(at("started"), "utf8").split(" ").map(Number);
      // Its pid may be another's by now.
      return isAlive(runner) && processInfo(runner)?.startTicks === began ? [{ attempt, runner }] : [];
    });
  }

  /** Marks what has not ended on this host (on any, by default) as done something to. */
  async excuse(excuse: Excuse, host?: WorldHost): Promise<void> {
    for (const task of this.submitted.values()) {
      const { status, attempts } = await this.task(task.id);
      const there = host === undefined || attempts.length === 0 || attempts.some((attempt) => attempt.host.name === host.name);
      if (!isFinal(status) && there) task.excuses.add(excuse);
    }
  }

  /** The same for one attempt, whichever task it belongs to. */
  excuseAttempt(excuse: Excuse, attempt: string): void {
    this.#excusedAttempts.set(attempt, excuse);
  }

  describe(id: string): string {
    const logs = this.hosts.map(({ name, second }) => `--- ${name}\n${second?.log.slice(-2000) ?? ""}`).join("\n");
    return `${JSON.stringify(this.submitted.get(id)?.body)}\n--- up\n${this.product.log.slice(-2000)}\n${logs}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.product[Symbol.asyncDispose]();
    for (const { proxy } of this.hosts) await proxy?.[Symbol.asyncDispose]();
  }

  /** The end is told once its log is stored; a host that was killed between the two tells it again in a moment. */
  async #wholeLog(attempt: string): Promise<Uint8Array | undefined> {
    let last: Uint8Array | undefined;
    const same = async () => {
      last = await this.log(attempt);
      const file = this.file(attempt);
      return file === undefined || file.length === (last?.length ?? 0) ? true : undefined;
    };
    await poll(`the log of ${attempt} as long as its file`, same, { timeoutMs: 30_000, everyMs: 100 }).catch(() => undefined);
    return last;
  }

  /** By how its dependencies really ended, which the ledger's own arithmetic knows. */
  async #allowed({ dependsOn = [], ifFailed }: NonceBody): Promise<boolean> {
    if (ifFailed === "run") return true;
    for (const { task, on = "success" } of dependsOn) {
      const { status } = await this.task(task);
      const good = status === "completed";
      if (on === "success" ? !good : on === "failure" ? good : false) return false;
    }
    return true;
  }

  #attemptExcuses({ attempts }: TaskDetail): Excuse[] {
    return attempts.flatMap(({ id }) => this.#excusedAttempts.get(id) ?? []);
  }

  #known(id: string): Submitted {
    const task = this.submitted.get(id);
    if (task === undefined) throw new Error(`${id} was not submitted here`);
    return task;
  }

  /** A part that was killed is back in a moment: a server that is not there, and a full allowance, are waited out. */
  async #patiently<T>(what: string, ask: () => Promise<T>): Promise<T> {
    let last = "";
    const outcome = await poll(
      what,
      () =>
        ask().then(
          (value) => ({ ok: true as const, value }),
          (error: unknown) => {
            last = String(error);
            return passes(error) ? undefined : { ok: false as const, error };
          },
        ),
      { timeoutMs: AWAY_MS, everyMs: 50, detail: () => last },
    );
    if (outcome.ok) return outcome.value;
    throw outcome.error;
  }
}

const passes = (error: unknown): boolean => !(error instanceof ApiRefusal) || error.status >= 500 || error.status === 429;

export const attemptsDirectory = (home: TestHome): string => join(home.path, "host", "attempts");

/** Whether this machine lets us limit the memory and the processes of others. */
export function limitsAreThere(): boolean {
  const places = ["/sys/fs/cgroup/memory", "/sys/fs/cgroup/cgroup.subtree_control"];
  return process.getuid?.() === 0 && places.some((place) => isWritable(place));
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
