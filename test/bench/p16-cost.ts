/** P16: what a month costs, from requests, messages and rows that were counted on the product at work. */
import { Task } from "@maestro/shared/contract/tasks";
import { join } from "node:path";
import { TestHome } from "../support/home.ts";
import type { Product, UpOptions } from "../support/maestro.ts";
import { canStandStill, stillMachine } from "../support/still-machine.ts";
import { CountedBuild, countsSince, type Counts } from "./counted-build.ts";
import type { Gate } from "./gate.ts";
import { Credentials } from "./load.ts";
import type { Rig } from "./rig.ts";
import { median, rounded } from "./statistics.ts";

/** The fleet of the model. */
const FLEET = { hosts: 1_000, agents: 2, outputHours: 6, watchedHours: 0.6, tasks: 100, days: 30 } as const;
const GOAL_DOLLARS = 20;

/** Cloudflare's prices of performance.md §3, dollars; what the paid plan includes a month, and the plan itself. */
const PRICE = { workerRequests: 0.3e-6, objectRequests: 0.15e-6, messagesPerRequest: 20, rows: 1e-6, gigabyteSeconds: 12.5e-6 } as const;
const INCLUDED = { workerRequests: 10e6, objectRequests: 1e6, rows: 50e6, d1Rows: 50e6, gigabyteSeconds: 400_000 } as const;
const PLAN_DOLLARS = 5;
const OBJECT_GIGABYTES = 0.128;

const TASKS_PER_ROUND = 20;
const WATCH_MS = 10_000;
/** What is told of a program that nobody watches comes once a minute. */
const QUIET_MS = 60_000;
const SETTLE_MS = 8_000;
/** As an agent's screen moves: a spinner and some text, ten times a second. */
const AGENT = [
  "/bin/sh",
  "-c",
  'n=0; while :; do n=$((n+1)); printf "\\033[H\\033[2K working on step %d of many, and saying so\\r\\n" $n; sleep 0.1; done',
];
/** A task's output, of an unremarkable size. */
const WORK = ["/bin/sh", "-c", 'seq -f "line %g of what a task says about itself" 1 200'];

type Figures = Omit<Counts, "by" | "statements">;

/** One host's: a task, and seconds. */
interface Round {
  task: Figures;
  watched: Figures;
  unwatched: Figures;
}

export const p16: Gate = {
  id: "P16",
  title: `a month of ${FLEET.hosts} hosts, modelled from what was counted`,
  async run(rig) {
    using counted = await CountedBuild.make();
    rig.progress("a second of a machine where nothing goes on");
    const silent = await silence(rig, counted);
    await using product = await counting(rig, counted);
    const credentials = await Credentials.for(product, 5 * TASKS_PER_ROUND * rig.rounds, 5);
    const sessions: string[] = [];
    for (let n = 0; n < FLEET.agents; n++) sessions.push((await product.api.createSession({ argv: AGENT, backend: "pty" })).id);
    const rounds: Round[] = [];
    const named: ReturnType<typeof perTask>[] = [];
    await tasks(credentials, 5);
    await rig.interleave({
      round: async () => {
        // With what follows a task a moment later: alarms, what is forgotten.
        const work = await during(product, async () => {
          await tasks(credentials, TASKS_PER_ROUND);
          await elapse(SETTLE_MS);
        });
        named.push(perTask(work));
        const unwatched = await during(product, () => elapse(QUIET_MS));
        const viewer = await product.attach(sessions[0] ?? "");
        await elapse(SETTLE_MS);
        const watched = await during(product, () => elapse(WATCH_MS));
        await viewer[Symbol.asyncDispose]();
        rounds.push({
          task: share(work, TASKS_PER_ROUND),
          watched: share(watched, WATCH_MS / 1000),
          unwatched: share(unwatched, QUIET_MS / 1000),
        });
      },
    });
    for (const id of sessions) await product.api.killSession(id);
    const months = rounds.map((round) => month(round, silent));
    const list = months.map((figures) => dollars(figures, false));
    const last = rounds.at(-1);
    return {
      parts: [
        {
          name: "as billed",
          unit: "$/month",
          values: months.map((figures) => dollars(figures, true)),
          references: [GOAL_DOLLARS],
          limit: { atMost: 1 },
        },
      ],
      told: {
        "$/month without what the plan includes": rounded(median(list)),
        "rows per task": rounded(median(rounds.map(({ task }) => task.rows + task.d1Rows))),
        "a task": JSON.stringify(last?.task),
        "a watched second": JSON.stringify(last?.watched),
        "a second of output that nobody watches": JSON.stringify(last?.unwatched),
        "a second without output": JSON.stringify(silent),
        "a task, by object and call": named.at(-1)?.calls ?? "",
        "rows of a task, by statement": named.at(-1)?.rows ?? "",
      },
      note: `per host and day: ${FLEET.agents} agents with ${FLEET.outputHours} h of output each, ${FLEET.watchedHours} h watched, ${FLEET.tasks} tasks, each submitted, looked at and its log read once; billed: with the paid plan's fee of $${PLAN_DOLLARS} and what it includes`,
    };
  },
};

async function counting(rig: Rig, counted: CountedBuild, options: UpOptions = {}): Promise<Product> {
  const product = await rig.freshProduct(options);
  await product.down();
  product.bundle = counted.bundle;
  await product.upAgain();
  return product;
}

/** On a machine that stands still, where there can be one: what others do on this one is not the fleet's. */
async function silence(rig: Rig, counted: CountedBuild): Promise<Figures> {
  const home = new TestHome();
  const still = canStandStill() ? { spawn: stillMachine(join(home.path, "still")) } : {};
  await using product = await counting(rig, counted, { home, ...still });
  await elapse(SETTLE_MS + QUIET_MS);
  return share(await during(product, () => elapse(QUIET_MS)), QUIET_MS / 1000);
}

async function tasks(credentials: Credentials, count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    const api = credentials.next;
    const { id } = await api.call(Task, "POST", "/api/v1/tasks", { command: WORK, on: {} });
    await api.call(Task, "GET", `/api/v1/tasks/${id}/wait?timeout=30`);
    const log = await api.request("GET", `/api/v1/tasks/${id}/log`);
    if (log.status !== 200 || log.text.length === 0) throw new Error(`log of ${id}: ${log.status}`);
  }
}

async function during(product: Product, work: () => Promise<void>): Promise<Counts> {
  await countsSince(product);
  await work();
  return countsSince(product);
}

function share({ workerRequests, objectRequests, messages, alarms, rows, d1Rows, objectMs }: Figures, by: number): Figures {
  const per = (value: number) => rounded(value / by);
  return {
    workerRequests: per(workerRequests),
    objectRequests: per(objectRequests),
    messages: per(messages),
    alarms: per(alarms),
    rows: per(rows),
    d1Rows: per(d1Rows),
    objectMs: per(objectMs),
  };
}

function perTask({ by, statements }: Counts): { calls: string; rows: string } {
  const told = (counts: Readonly<Record<string, number>>) =>
    JSON.stringify(Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, rounded(count / TASKS_PER_ROUND)])));
  return { calls: told(by), rows: told(statements) };
}

/** Of the whole fleet. Its agents speak at the same time, and are watched while they do. */
function month({ task, watched, unwatched }: Round, silent: Figures): Figures {
  const hostDays = FLEET.hosts * FLEET.days;
  const { watchedHours, outputHours } = FLEET;
  const hours = (name: keyof Figures) =>
    watchedHours * watched[name] + (outputHours - watchedHours) * unwatched[name] + (24 - outputHours) * silent[name];
  const sum = (name: keyof Figures) => hostDays * (FLEET.tasks * task[name] + 3600 * hours(name));
  return {
    workerRequests: sum("workerRequests"),
    objectRequests: sum("objectRequests"),
    messages: sum("messages"),
    alarms: sum("alarms"),
    rows: sum("rows"),
    d1Rows: sum("d1Rows"),
    objectMs: sum("objectMs"),
  };
}

function dollars({ workerRequests, objectRequests, messages, alarms, rows, d1Rows, objectMs }: Figures, billed: boolean): number {
  const over = (value: number, included: number) => (billed ? Math.max(0, value - included) : value);
  const objects = objectRequests + alarms + messages / PRICE.messagesPerRequest;
  return (
    (billed ? PLAN_DOLLARS : 0) +
    PRICE.workerRequests * over(workerRequests, INCLUDED.workerRequests) +
    PRICE.objectRequests * over(objects, INCLUDED.objectRequests) +
    PRICE.rows * over(rows, INCLUDED.rows) +
    PRICE.rows * over(d1Rows, INCLUDED.d1Rows) +
    PRICE.gigabyteSeconds * over((objectMs / 1000) * OBJECT_GIGABYTES, INCLUDED.gigabyteSeconds)
  );
}

/** What is counted per second needs seconds. */
const elapse = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
