/** Ten thousand tasks queued, then fifty hosts come and take them: none is started twice, none is left, few rows are written. */
import { enrolInto } from "../support/simulated-hosts.ts";
import { SimulatedTaskHost } from "../support/simulated-task-hosts.ts";
import { poll } from "../support/wait.ts";
import { CountedBuild, countsSince } from "./counted-build.ts";
import type { Gate } from "./gate.ts";
import { Credentials, perSecond, post } from "./load.ts";
import { rounded } from "./statistics.ts";

const TASKS = 10_000;
const HOSTS = 50;
const WIDTH = 16;
const MAX_CONCURRENT = 4;
const MAX_ROWS_PER_TASK = 20;
const OUTPUT = Buffer.from("what a short task says\n".repeat(100));

export const drain: Gate = {
  id: "DRAIN",
  title: `${TASKS} tasks queued, then drained by ${HOSTS} hosts`,
  async run(rig) {
    using counted = await CountedBuild.make();
    await using product = await rig.freshProduct();
    await product.down();
    const enrolled = enrolInto(product.home, HOSTS);
    product.bundle = counted.bundle;
    await product.upAgain();
    const credentials = await Credentials.for(product, TASKS + 500);
    const bodies = enrolled.map(({ name }) => JSON.stringify({ command: ["/bin/echo", "hello"], on: { host: name } }));
    await countsSince(product);
    const ids = new Set<string>();
    const queued = await perSecond(TASKS, WIDTH, async (n) => {
      const { id } = JSON.parse(await post(product.url, "/api/v1/tasks", bodies[n % bodies.length] ?? "", credentials.next.token)) as {
        id: string;
      };
      ids.add(id);
    });
    const enqueueCounts = await countsSince(product);
    const starts = new Map<string, number>();
    await using stack = new AsyncDisposableStack();
    const started = (task: string) => void starts.set(task, (starts.get(task) ?? 0) + 1);
    const startedMs = performance.now();
    const hosts = await Promise.all(
      enrolled.map((host) => SimulatedTaskHost.open(host, product.url, { maxConcurrent: MAX_CONCURRENT, output: OUTPUT, started })),
    );
    for (const host of hosts) stack.use(host);
    await poll("all started and acknowledged", () => (starts.size >= TASKS && hosts.every(({ open }) => open === 0) ? true : undefined), {
      timeoutMs: 600_000,
      everyMs: 50,
      detail: () => `${starts.size} of ${TASKS} started, ${hosts.reduce((sum, { open }) => sum + open, 0)} not acknowledged`,
    });
    const seconds = (performance.now() - startedMs) / 1000;
    const drainCounts = await countsSince(product);
    const rows = (enqueueCounts.rows + enqueueCounts.d1Rows + drainCounts.rows + drainCounts.d1Rows) / TASKS;
    const twice = [...starts.values()].filter((count) => count > 1).length;
    const lost = [...ids].filter((id) => !starts.has(id)).length;
    // Counts of the whole run, not medians: one of them is one too many.
    const every = (value: number) => Array.from({ length: rig.rounds }, () => value);
    return {
      parts: [
        { name: "1 + tasks started twice", unit: "count", values: every(1 + twice), references: [1], limit: { atMost: 1 } },
        { name: "1 + tasks not started", unit: "count", values: every(1 + lost), references: [1], limit: { atMost: 1 } },
        { name: "rows written per task", unit: "rows", values: every(rows), references: [MAX_ROWS_PER_TASK], limit: { atMost: 1 } },
      ],
      told: {
        "enqueued a second": rounded(queued),
        "drained a second": rounded(TASKS / seconds),
        "rows by object": JSON.stringify(perTask({ ...rowsOf(enqueueCounts.by, "enqueue "), ...rowsOf(drainCounts.by, "drain ") })),
      },
    };
  },
};

const rowsOf = (by: Readonly<Record<string, number>>, prefix: string): Record<string, number> =>
  Object.fromEntries(
    Object.entries(by)
      .filter(([name]) => name.endsWith(".rows"))
      .map(([name, value]) => [prefix + name.slice(0, -".rows".length), value]),
  );

const perTask = (by: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(Object.entries(by).map(([name, value]) => [name, rounded(value / TASKS)]));
