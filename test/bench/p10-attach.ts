/** P10: attach to a session with 10,000 lines behind it: time to the first whole screen, and what it takes on the wire. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { SCREEN_BYTES_PLAIN } from "@maestro/shared/limits";
import type { Product } from "../support/maestro.ts";
import { Viewer } from "../support/viewer.ts";
import { within } from "../support/wait.ts";
import type { Gate } from "./gate.ts";
import { ptySpawn } from "./reference/pty.ts";
import { TmuxControl } from "./reference/tmux-control.ts";
import { median } from "./statistics.ts";

const run = promisify(execFile);

const LINES = 10_000;
const LAST = `line ${LINES}`;
const ATTACHES_PER_ROUND = 10;
/** Local `tmux attach` to ttyd + tmux, as measured; the gate is three times that. */
const TTYD_RATIO = 6.5 / 5.4;
const PROGRAM = ["/bin/sh", "-c", `i=0; while [ $i -lt ${LINES} ]; do i=$((i+1)); echo "line $i"; done; exec cat`];

export const p10: Gate = {
  id: "P10",
  title: "attach to 10,000 lines, first screen",
  async run(rig) {
    const product = await rig.product();
    const sessions = { tmux: await filled(product, "tmux"), pty: await filled(product, "pty") };
    await using local = await TmuxControl.open(PROGRAM);
    await run("tmux", ["-S", local.socket, "set-option", "-g", "status", "off"]);
    const figures: Record<"tmux" | "pty" | "local" | "bytes", number[]> = { tmux: [], pty: [], local: [], bytes: [] };
    const attaches = async (attach: () => Promise<number>): Promise<number> => {
      const times: number[] = [];
      for (let i = 0; i < ATTACHES_PER_ROUND; i++) times.push(await attach());
      return median(times);
    };
    const measured = (session: string) => () =>
      productAttach(product, session).then(({ ms, bytes }) => {
        figures.bytes.push(bytes);
        return ms;
      });
    await attaches(measured(sessions.tmux));
    figures.bytes.length = 0;
    await rig.interleave({
      tmux: async () => void figures.tmux.push(await attaches(measured(sessions.tmux))),
      pty: async () => void figures.pty.push(await attaches(measured(sessions.pty))),
      local: async () => void figures.local.push(await attaches(() => localAttach(local.socket))),
    });
    for (const id of Object.values(sessions)) await product.api.killSession(id);
    const limit = { atMost: 3 * TTYD_RATIO };
    return {
      parts: [
        { name: "tmux backend", unit: "ms", values: figures.tmux, references: figures.local, limit },
        { name: "pty backend", unit: "ms", values: figures.pty, references: figures.local, limit },
        {
          name: "bytes before the screen",
          unit: "bytes",
          values: figures.tmux.map(() => Math.max(...figures.bytes)),
          references: [SCREEN_BYTES_PLAIN],
          limit: { atMost: 1 },
        },
      ],
    };
  },
};

async function filled(product: Product, backend: "tmux" | "pty"): Promise<string> {
  const { id } = await product.api.createSession({ argv: PROGRAM, backend, cols: 80, rows: 24 });
  await product.api.screenShows(id, LAST, 30_000);
  return id;
}

/** From the first packet of the connection to a whole screen. */
async function productAttach(product: Product, session: string): Promise<{ ms: number; bytes: number }> {
  const startedMs = performance.now();
  const viewer = Viewer.open({ url: product.url, token: product.api.token ?? "", session, readOnly: true, redial: false });
  await viewer.ready();
  const ms = performance.now() - startedMs;
  const bytes = viewer.bytesBeforeScreen ?? 0;
  await viewer[Symbol.asyncDispose]();
  return { ms, bytes };
}

/** A real `tmux attach` in a PTY, until the last line is painted. */
async function localAttach(socket: string): Promise<number> {
  const startedMs = performance.now();
  const terminal = ptySpawn(["tmux", "-S", socket, "attach-session", "-t", "b"], { env: { ...process.env, TERM: "xterm-256color" } });
  let text = "";
  const painted = new Promise<void>((resolve) => {
    terminal.onData((data) => {
      text += data.toString("latin1");
      if (text.includes(LAST)) resolve();
    });
  });
  await within(10_000, "tmux attach", painted, () => JSON.stringify(text.slice(-500)));
  const ms = performance.now() - startedMs;
  const gone = new Promise<void>((resolve) => terminal.onExit(resolve));
  terminal.kill();
  await gone;
  return ms;
}
