/** P12: from a submission to the first byte of its output at somebody who follows it, against a new `ssh -tt` session. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Product } from "../support/maestro.ts";
import { within } from "../support/wait.ts";
import type { Gate } from "./gate.ts";
import { Credentials, post } from "./load.ts";
import { ScriptedSsh } from "./reference/scripted-ssh.ts";
import { median } from "./statistics.ts";

const TASKS_PER_ROUND = 20;
const SESSIONS_PER_ROUND = 5;
/** As P11: a host-agent and a server that have run for a while have their code compiled. */
const WARM_UP = 600;

export const p12: Gate = {
  id: "P12",
  title: "submit → first output byte at a follower",
  async run(rig) {
    const product = await rig.product();
    await using sshd = await ScriptedSsh.start();
    const credentials = await Credentials.for(product, 8 * (WARM_UP + TASKS_PER_ROUND * rig.mostRounds), 8);
    const figures = { product: new Array<number>(), ssh: new Array<number>() };
    await several(WARM_UP, () => firstByte(product, credentials));
    const kept = await rig.interleaveUndisturbed({
      product: async () => void figures.product.push(await several(TASKS_PER_ROUND, () => firstByte(product, credentials))),
      ssh: async () => void figures.ssh.push(await several(SESSIONS_PER_ROUND, () => sshFirstByte(sshd))),
    });
    return {
      parts: [
        { name: "first byte", unit: "ms", values: kept.of(figures.product), references: kept.of(figures.ssh), limit: { atMost: 0.1 } },
      ],
      note: kept.note,
    };
  },
};

async function several(count: number, one: () => Promise<number>): Promise<number> {
  const times: number[] = [];
  for (let n = 0; n < count; n++) times.push(await one());
  return median(times);
}

/** As the CLI does it: the id that the submission answers is followed at once. */
async function firstByte(product: Product, credentials: Credentials): Promise<number> {
  const { token } = credentials.next;
  const body = JSON.stringify({ command: ["/bin/echo", "hello"], on: { host: product.api.defaultHost ?? "" } });
  const startedMs = performance.now();
  const { id } = JSON.parse(await post(product.url, "/api/v1/tasks", body, token)) as { id: string };
  const response = await followed(product, id, token);
  if (response.body === null) throw new Error("a followed log without a body");
  const reader = response.body.getReader();
  const { value } = await within(30_000, "the first byte of a followed log", reader.read());
  const ms = performance.now() - startedMs;
  if (value === undefined || value.byteLength === 0) throw new Error("the followed log ended without a byte");
  // To its end, so that this task is over before the next one is timed.
  for (let done = false; !done;) ({ done } = await within(30_000, "the end of a followed log", reader.read()));
  return ms;
}

/** A task that has not begun has no log yet: asked again at once, until it has. */
async function followed(product: Product, id: string, token: string | undefined): Promise<Response> {
  for (;;) {
    const response = await fetch(new URL(`/api/v1/tasks/${id}/log?follow=true`, product.url), {
      headers: { authorization: `Bearer ${token ?? ""}` },
    });
    if (response.status === 200) return response;
    const text = await response.text();
    if (response.status !== 404) throw new Error(`follow: ${response.status} ${text}`);
  }
}

async function sshFirstByte(sshd: ScriptedSsh): Promise<number> {
  const [program = "", ...args] = sshd.argv(["echo", "hello"], ["-tt"]);
  const startedMs = performance.now();
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "ignore"] });
  const exited = once(child, "exit");
  await within(30_000, "the first byte of ssh -tt", once(child.stdout, "data"));
  const ms = performance.now() - startedMs;
  child.stdin.end();
  await exited;
  return ms;
}
