/** P18: listing a thousand agents on a hundred hosts, page by page as the CLI and the console do. */
import * as r from "@maestro/shared/contract/resources";
import { enrolInto } from "../support/simulated-hosts.ts";
import { SimulatedTaskHost } from "../support/simulated-task-hosts.ts";
import { seedAgents } from "./agents-in-rows.ts";
import type { Gate } from "./gate.ts";
import { median } from "./statistics.ts";

const HOSTS = 100;
const AGENTS_PER_HOST = 10;
const LISTINGS_PER_ROUND = 10;
/** Of 102 agents, as measured of AI Maestro. */
const AI_MAESTRO_MS = 850;

export const p18: Gate = {
  id: "P18",
  title: `listing ${HOSTS * AGENTS_PER_HOST} agents on ${HOSTS} hosts`,
  async run(rig) {
    await using product = await rig.freshProduct();
    await product.down();
    const enrolled = enrolInto(product.home, HOSTS);
    const names = seedAgents(product.home, enrolled, AGENTS_PER_HOST);
    await product.upAgain();
    await using stack = new AsyncDisposableStack();
    for (const host of enrolled) stack.use(await SimulatedTaskHost.open(host, product.url, { maxConcurrent: 1 }));
    const list = async (): Promise<number> => {
      const startedMs = performance.now();
      const agents = await product.api.all(r.Agent, "/api/v1/agents");
      const ms = performance.now() - startedMs;
      if (new Set(agents.map(({ name }) => name)).size !== names.length) throw new Error(`${agents.length} agents were listed`);
      return ms;
    };
    for (let n = 0; n < LISTINGS_PER_ROUND; n++) await list();
    const figures: number[] = [];
    await rig.interleave({
      list: async () => {
        const times: number[] = [];
        for (let n = 0; n < LISTINGS_PER_ROUND; n++) times.push(await list());
        figures.push(median(times));
      },
    });
    return {
      parts: [{ name: "all pages", unit: "ms", values: figures, references: [AI_MAESTRO_MS], limit: { atMost: 0.1 } }],
      note: "AI Maestro's time is the measured one of performance.md, for 102 agents",
    };
  },
};
