/** The far side over a tailnet: each script is a `tailscale ssh` of its own, or goes by plain ssh where that is the way. */
import { maestroError } from "@maestro/shared/errors";
import { err, ok, type Result } from "@maestro/shared/result";
import type { Clock } from "../daemon/clock.ts";
import { within } from "../transports/ssh/deadline.ts";
import { Turns } from "../transports/ssh/turns.ts";
import type { Env } from "../transports/tailscale/client.ts";
import { gaveUp, overdue } from "../transports/tailscale/failures.ts";
import type { TailscaleProcess } from "../transports/tailscale/process.ts";
import { startOverTailscale } from "../transports/tailscale/start.ts";
import type { TailscaleWay, Way } from "../transports/tailscale/way.ts";
import type { Ran, RemoteShell } from "./remote-shell.ts";

export interface TailscaleShellDeps {
  /** Asked for each script: what it depends on changes. */
  way(): Promise<Result<Way>>;
  plain: RemoteShell;
  env: Env;
  clock: Clock;
}

/** As many connections, as each has one of its own; what stays open must not keep out what is short. */
const AT_ONCE = { short: 4, long: 4 };
const TURN_MS = 30_000;
const MAX_OUTPUT_BYTES = 1024 * 1024;

export function tailscaleShell({ way: wayThere, plain, env, clock }: TailscaleShellDeps): RemoteShell {
  const turns = { short: new Turns(AT_ONCE.short), long: new Turns(AT_ONCE.long) };
  return {
    async run(script, args, options) {
      const way = await wayThere();
      if (!way.ok) return way;
      if (way.value.type === "ssh") return plain.run(script, args, options);
      const { stdin = new Uint8Array(), deadlineMs, signal } = options;
      const stop = new AbortController();
      const work = runIt(way.value, script, args, stdin, AbortSignal.any([signal, stop.signal]));
      const waited = await within(work, deadlineMs, { clock, signal });
      if (waited.type === "done") return waited.value;
      stop.abort();
      return err(waited.type === "deadline" ? overdue(way.value, deadlineMs) : gaveUp(way.value));
    },

    async open(script, args, { data, signal }) {
      const way = await wayThere();
      if (!way.ok) return way;
      if (way.value.type === "ssh") return plain.open(script, args, { data, signal });
      const giveBack = await inTime(turns.long, signal);
      if (giveBack === undefined) return err(signal.aborted ? gaveUp(way.value) : noTurn(way.value));
      const sinks = { stdout: data, stderr: () => {} };
      const started = await startOverTailscale(way.value, { script, args, stdin: new Uint8Array(), env, clock, signal, ...sinks });
      if (!started.ok) {
        giveBack("returns");
        return started;
      }
      const { value: process } = started;
      return ok({
        write: (text) => void process.write(Buffer.from(text)),
        close: () => process.end(),
        closed: process.ended.then((end) => {
          giveBack("returns");
          return end.type === "lost" ? end.error : undefined;
        }),
      });
    },
  };

  async function runIt(
    way: TailscaleWay,
    script: string,
    args: readonly string[],
    stdin: Uint8Array,
    signal: AbortSignal,
  ): Promise<Result<Ran>> {
    const giveBack = await turns.short.take("", signal);
    if (giveBack === undefined) return err(gaveUp(way));
    const chunks: Buffer[] = [];
    let room = MAX_OUTPUT_BYTES;
    const stdout = (chunk: Buffer): void => {
      if (room > 0) chunks.push(chunk.subarray(0, room));
      room -= chunk.byteLength;
    };
    const started = await startOverTailscale(way, { script, args, stdin, env, clock, signal, stdout, stderr: () => {} });
    const ran = started.ok ? await endOf(started.value, chunks) : started;
    giveBack("returns");
    return ran;
  }

  async function inTime(turn: Turns, signal: AbortSignal): ReturnType<Turns["take"]> {
    const late = new AbortController();
    const cancel = clock.after(TURN_MS, () => late.abort());
    const giveBack = await turn.take("", AbortSignal.any([signal, late.signal]));
    cancel();
    return giveBack;
  }
}

async function endOf(process: TailscaleProcess, chunks: readonly Buffer[]): Promise<Result<Ran>> {
  process.end();
  const end = await process.ended;
  if (end.type === "lost") return err(end.error);
  const exit: Ran["exit"] = end.type === "exited" ? { type: "exit", code: end.code } : { type: "signal", signal: end.signal };
  return ok({ exit, stdout: Buffer.concat(chunks), stderr: process.said });
}

const noTurn = ({ peer }: TailscaleWay) =>
  maestroError("timeout", `Nothing could be started on ${peer.asked} within ${TURN_MS / 1000} s.`, {
    field: "address",
    hint: "As much is open there as is allowed at once.",
  });
