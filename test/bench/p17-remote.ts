/** P17: from a dispatch to a remote host to the first byte of its log at somebody who follows it, against a dispatch script over ssh. */
import { within } from "../support/wait.ts";
import type { Product } from "../support/maestro.ts";
import { RemoteMachine } from "../support/remote-machine.ts";
import type { Gate } from "./gate.ts";
import { Credentials, post } from "./load.ts";
import { scriptedDispatch } from "./reference/remote-dispatch.ts";
import { ScriptedSsh } from "./reference/scripted-ssh.ts";
import { median } from "./statistics.ts";

const TASKS_PER_ROUND = 10;
const SCRIPTS_PER_ROUND = 2;
const WARM_UP = 5;

export const p17: Gate = {
  id: "P17",
  title: "remote dispatch over SSH → first log byte at a follower",
  async run(rig) {
    const product = await rig.product();
    await using machine = await RemoteMachine.start();
    await machine.join(product, "bench-remote");
    await using sshd = await ScriptedSsh.start();
    const credentials = await Credentials.for(product, 20 * (WARM_UP + TASKS_PER_ROUND * rig.rounds), 20);
    const figures = { product: new Array<number>(), script: new Array<number>() };
    for (let n = 0; n < WARM_UP; n++) await firstByte(product, credentials);
    let scripts = 0;
    await rig.interleave({
      product: async () => {
        const times: number[] = [];
        for (let n = 0; n < TASKS_PER_ROUND; n++) times.push(await firstByte(product, credentials));
        figures.product.push(median(times));
      },
      script: async () => {
        const times: number[] = [];
        for (let n = 0; n < SCRIPTS_PER_ROUND; n++) {
          const startedMs = performance.now();
          const log = await scriptedDispatch(sshd, `t${process.pid}-${scripts++}`);
          times.push(performance.now() - startedMs);
          if (!log.includes("WRAPPER_STARTED")) throw new Error(`the script's log: ${log}`);
        }
        figures.script.push(median(times));
      },
    });
    return {
      parts: [{ name: "first log byte", unit: "ms", values: figures.product, references: figures.script, limit: { atMost: 1 / 5 } }],
      note: "the product over its kept connection; the script's steps as DISP8 to DISP12 have them, each over a new one, its cleanup included",
    };
  },
};

async function firstByte(product: Product, credentials: Credentials): Promise<number> {
  const { token } = credentials.next;
  const body = JSON.stringify({ command: ["/bin/echo", "hello"], on: { host: "bench-remote" } });
  const startedMs = performance.now();
  const { id } = JSON.parse(await post(product.url, "/api/v1/tasks", body, token)) as { id: string };
  for (;;) {
    const response = await fetch(new URL(`/api/v1/tasks/${id}/log?follow=true`, product.url), {
      headers: { authorization: `Bearer ${token ?? ""}` },
    });
    if (response.status === 200 && response.body !== null) {
      const reader = response.body.getReader();
      const { value } = await within(30_000, "the first byte of a remote log", reader.read());
      const ms = performance.now() - startedMs;
      if (value === undefined) throw new Error("the followed log ended without a byte");
      for (let done = false; !done;) ({ done } = await within(30_000, "the end of a remote log", reader.read()));
      return ms;
    }
    const text = await response.text();
    if (response.status !== 404) throw new Error(`follow: ${response.status} ${text}`);
    // A task that has not begun has no log yet; each asking takes the server's time from the start itself.
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
