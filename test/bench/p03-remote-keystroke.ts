/** P3: echo of a session on a remote host, against the same session whose program is OpenSSH's client. */
import { rawCat } from "../support/flood.ts";
import { RemoteMachine } from "../support/remote-machine.ts";
import { echo, type EchoFigures } from "./echo.ts";
import type { Gate } from "./gate.ts";
import { ScriptedSsh } from "./reference/scripted-ssh.ts";
import { writer } from "./rig.ts";

const KEYS_PER_ROUND = 100;
const TURNS_PER_ROUND = 4;
const WARM_UP_KEYS = 300;

export const p3: Gate = {
  id: "P3",
  title: "keystroke echo of an SSH-backed session, against OpenSSH's client",
  async run(rig) {
    const product = await rig.product();
    await using machine = await RemoteMachine.start();
    await machine.join(product, "bench-remote-terminal");
    await using sshd = await ScriptedSsh.start();
    const ours = await product.api.createSession({ host: "bench-remote-terminal", argv: [...rawCat], backend: "pty" });
    const theirs = await product.api.createSession({ argv: sshd.argv(["stty raw -echo; exec cat"], ["-tt"]), backend: "pty" });
    const viewers = { ours: await writer(product, ours.id), theirs: await writer(product, theirs.id) };
    const figures = { ours: new Array<EchoFigures>(), theirs: new Array<EchoFigures>() };
    try {
      for (const viewer of Object.values(viewers)) await echo(viewer, WARM_UP_KEYS);
      await rig.interleave(
        {
          ours: async () => void figures.ours.push(await echo(viewers.ours, KEYS_PER_ROUND)),
          theirs: async () => void figures.theirs.push(await echo(viewers.theirs, KEYS_PER_ROUND)),
        },
        TURNS_PER_ROUND * rig.rounds,
      );
    } finally {
      for (const viewer of Object.values(viewers)) await viewer[Symbol.asyncDispose]();
      for (const { id } of [ours, theirs]) await product.api.killSession(id);
    }
    return {
      parts: [
        {
          name: "p50",
          unit: "ms",
          values: figures.ours.map(({ p50 }) => p50),
          references: figures.theirs.map(({ p50 }) => p50),
          limit: { atMost: 1.5 },
        },
      ],
      told: { "p95, ours": figures.ours.map(({ p95 }) => p95).toSorted((a, b) => a - b)[figures.ours.length >> 1] ?? Number.NaN },
      note: "both are sessions of the product, seen by the same viewer: what differs is the client that leads to sshd",
    };
  },
};
