/** P11: from a submission to the task's own first act on the host, against a command by ssh, with and without a shared connection. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { Task } from "@maestro/shared/contract/tasks";
import type { Product } from "../support/maestro.ts";
import { Credentials, post } from "./load.ts";
import { Mark } from "./mark.ts";
import { ScriptedSsh } from "./reference/scripted-ssh.ts";
import type { Gate } from "./gate.ts";
import { median } from "./statistics.ts";

const run = promisify(execFile);
const TASKS_PER_ROUND = 30;
const SHARED_PER_ROUND = 30;
const FRESH_PER_ROUND = 5;
/** A host-agent and a server that have run for a while have their code compiled. */
const WARM_UP = 600;

export const p11: Gate = {
  id: "P11",
  title: "submit → task running at the host",
  async run(rig) {
    const product = await rig.product();
    await using sshd = await ScriptedSsh.start();
    using mark = new Mark();
    const shared = await sshd.master();
    const figures = { product: new Array<number>(), fresh: new Array<number>(), shared: new Array<number>() };
    const tasks = await taskStarts(product, mark, WARM_UP + TASKS_PER_ROUND * rig.mostRounds);
    await tasks(WARM_UP);
    const kept = await rig.interleaveUndisturbed({
      product: async () => void figures.product.push(await tasks(TASKS_PER_ROUND)),
      fresh: async () => void figures.fresh.push(await commands(sshd.argv(["true"]), FRESH_PER_ROUND)),
      shared: async () => void figures.shared.push(await commands(sshd.argv(["true"], shared), SHARED_PER_ROUND)),
    });
    return {
      parts: [
        {
          name: "ssh over ControlMaster",
          unit: "ms",
          values: kept.of(figures.product),
          references: kept.of(figures.shared),
          limit: { atMost: 1 },
        },
        {
          name: "ssh host true",
          unit: "ms",
          values: kept.of(figures.product),
          references: kept.of(figures.fresh),
          limit: { atMost: 1 / 20 },
        },
      ],
      note: `of the product until the child's own first write, runner and shell included; of ssh until the client has ended; ${kept.note}`,
    };
  },
};

/** One task after the other: each has ended before the next one is timed. */
async function taskStarts(product: Product, mark: Mark, count: number): Promise<(count: number) => Promise<number>> {
  const credentials = await Credentials.for(product, 2 * count, 2);
  const host = product.api.defaultHost ?? "";
  const body = JSON.stringify({ command: mark.argv, on: { host } });
  return async (wanted) => {
    const times: number[] = [];
    for (let n = 0; n < wanted; n++) {
      const api = credentials.next;
      const marked = mark.next("a task's first act");
      const startedMs = performance.now();
      const made = post(product.url, "/api/v1/tasks", body, api.token);
      await Promise.all([marked.then(() => void times.push(performance.now() - startedMs)), made]);
      const { id } = Task.parse(JSON.parse(await made));
      await api.call(Task, "GET", `/api/v1/tasks/${id}/wait?timeout=30`);
    }
    return median(times);
  };
}

async function commands([program = "", ...args]: readonly string[], count: number): Promise<number> {
  const times: number[] = [];
  for (let n = 0; n < count; n++) {
    const startedMs = performance.now();
    await run(program, args);
    times.push(performance.now() - startedMs);
  }
  return median(times);
}
