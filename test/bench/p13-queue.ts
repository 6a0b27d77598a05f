/** P13: how many tasks a second the queue takes, in single requests and in batches, and how many it hands to hosts, against the minimal queue. */
import { makeId } from "@maestro/shared/ids";
import { randomBytes } from "node:crypto";
import type { Product } from "../support/maestro.ts";
import { enrolInto } from "../support/simulated-hosts.ts";
import { SimulatedTaskHost } from "../support/simulated-task-hosts.ts";
import { poll } from "../support/wait.ts";
import { seedAgents } from "./agents-in-rows.ts";
import type { Gate } from "./gate.ts";
import { Credentials, perSecond, post } from "./load.ts";
import { ReferenceQueue } from "./reference/queue.ts";

const WIDTH = 16;
/** Of a round that is over in a tenth of a second its first requests, whose rows nobody has read yet, are half. */
const ENQUEUES_PER_ROUND = 1200;
const BATCHES_PER_ROUND = 120;
/** What one request may name: the product's batch is a task for so many agents. */
const BATCH = 50;
const CLAIMS_PER_ROUND = 600;
const HOSTS = 10;
/** Of each contender, before anything is measured: a server that has run for a while has its code compiled. */
const WARM_UP = 1500;

export const p13: Gate = {
  id: "P13",
  title: "enqueue, batch enqueue and claim, against the minimal queue",
  async run(rig) {
    await using product = await rig.freshProduct();
    await product.down();
    const enrolled = enrolInto(product.home, HOSTS + 1);
    const [away, ...present] = enrolled;
    if (away === undefined) throw new Error("no host was enrolled");
    // On a machine that is away, so that what is queued stays queued.
    const agents = seedAgents(product.home, [away], BATCH);
    await product.upAgain();
    await using queue = await ReferenceQueue.start();
    // All rounds may be over within one minute.
    const perRound = ENQUEUES_PER_ROUND + BATCHES_PER_ROUND + CLAIMS_PER_ROUND;
    const credentials = await Credentials.for(product, WARM_UP + (rig.rounds + 2) * perRound);
    const figures: Record<"enqueue" | "batch" | "claim", { product: number[]; queue: number[] }> = {
      enqueue: { product: [], queue: [] },
      batch: { product: [], queue: [] },
      claim: { product: [], queue: [] },
    };
    const command = ["/bin/echo", "hello"];
    const single = JSON.stringify({ command, on: { host: away.name } });
    const batch = JSON.stringify({ command, to: agents });
    const rows = JSON.stringify(Array.from({ length: BATCH }, () => ({ command, on: { host: away.name } })));
    const submit = (body: string) => async () => void (await post(product.url, "/api/v1/tasks", body, credentials.next.token));
    const enqueue = async () => void (await post(queue.url, "/enqueue", single));
    const batches = async () => void (await post(queue.url, "/batch", rows));
    const claim = async (n: number) => void (await post(queue.url, "/claim", JSON.stringify({ host: `h${n % HOSTS}` })));
    rig.progress("warming up");
    for (const [count, one] of [
      [WARM_UP, submit(single)],
      [WARM_UP, enqueue],
      [BATCHES_PER_ROUND, submit(batch)],
      [BATCHES_PER_ROUND, batches],
      [CLAIMS_PER_ROUND, claim],
    ] as const)
      await perSecond(count, WIDTH, one);
    await claims(product, credentials, present, rig.rounds);
    await rig.interleave({
      enqueue: async () => void figures.enqueue.product.push(await perSecond(ENQUEUES_PER_ROUND, WIDTH, submit(single))),
      enqueueReference: async () => void figures.enqueue.queue.push(await perSecond(ENQUEUES_PER_ROUND, WIDTH, enqueue)),
      batch: async () => void figures.batch.product.push(BATCH * (await perSecond(BATCHES_PER_ROUND, WIDTH, submit(batch)))),
      batchReference: async () => void figures.batch.queue.push(BATCH * (await perSecond(BATCHES_PER_ROUND, WIDTH, batches))),
      claim: async (round) => void figures.claim.product.push(await claims(product, credentials, present, round)),
      claimReference: async () => void figures.claim.queue.push(await perSecond(CLAIMS_PER_ROUND, WIDTH, claim)),
    });
    const limit = { atLeast: 0.5 };
    return {
      parts: [
        { name: "enqueue", unit: "tasks/s", values: figures.enqueue.product, references: figures.enqueue.queue, limit },
        { name: "batch enqueue", unit: "targets/s", values: figures.batch.product, references: figures.batch.queue, limit },
        { name: "claim", unit: "tasks/s", values: figures.claim.product, references: figures.claim.queue, limit },
      ],
      note: `enqueue by ${WIDTH} connections; a batch of the product is one task for ${BATCH} agents, of the minimal queue one request with ${BATCH} rows; a claim of the product is offer, acceptance and start over the links of ${HOSTS} hosts, of the minimal queue one request`,
    };
  },
};

/** A pile that waits for hosts which are away; measured from the first offer to the last start after they have come. */
async function claims(
  product: Product,
  credentials: Credentials,
  hosts: readonly Parameters<typeof SimulatedTaskHost.open>[0][],
  round: number,
): Promise<number> {
  const mark = `claim-${round}-${makeId("task", Date.now(), randomBytes(10)).slice(-6)}`;
  const bodies = hosts.map(({ name }) => JSON.stringify({ command: ["/bin/echo", mark], on: { host: name } }));
  await perSecond(
    CLAIMS_PER_ROUND,
    WIDTH,
    async (n) => void (await post(product.url, "/api/v1/tasks", bodies[n % bodies.length] ?? "", credentials.next.token)),
  );
  const offeredMs: number[] = [];
  const startedMs: number[] = [];
  const offered = () => void offeredMs.push(performance.now());
  const started = () => void startedMs.push(performance.now());
  await using stack = new AsyncDisposableStack();
  const opened = await Promise.all(
    hosts.map((host) => SimulatedTaskHost.open(host, product.url, { maxConcurrent: CLAIMS_PER_ROUND, endAtOnce: false, offered, started })),
  );
  for (const host of opened) stack.use(host);
  await poll("all claimed", () => (startedMs.length >= CLAIMS_PER_ROUND ? true : undefined), {
    timeoutMs: 60_000,
    everyMs: 5,
    detail: () => `${startedMs.length} of ${CLAIMS_PER_ROUND} started`,
  });
  for (const host of opened) host.endAll();
  await poll("all ended", () => (opened.every(({ open }) => open === 0) ? true : undefined), { timeoutMs: 60_000, everyMs: 20 });
  return startedMs.length / (((startedMs.at(-1) ?? 0) - (offeredMs[0] ?? 0)) / 1000);
}
