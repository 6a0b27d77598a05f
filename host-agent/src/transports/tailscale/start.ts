/** Starts a script over `tailscale ssh` and answers once it runs there. */
import { randomBytes } from "node:crypto";
import { err, ok, type Result } from "@maestro/shared/result";
import { quote } from "../quote.ts";
import { bootstrap } from "../ssh/bootstrap.ts";
import { within, type Limits } from "../ssh/deadline.ts";
import type { Sinks } from "../ssh/process.ts";
import type { Env } from "./client.ts";
import { withEndMark } from "./end-mark.ts";
import { endedEarly, gaveUp, notBegun } from "./failures.ts";
import { TailscaleProcess } from "./process.ts";
import type { TailscaleWay } from "./way.ts";

export interface TailscaleScript extends Sinks, Limits {
  /** POSIX sh. Its stdin is what `write` and `stdin` give; nothing of it is in an argv, here or there. */
  script: string;
  /** `$1` and on. */
  args: readonly string[];
  /** What stdin begins with. */
  stdin: Uint8Array;
  env: Env;
}

/** Of the way, which has no deadline of its own, and of the login shell. */
const BEGIN_DEADLINE_MS = 30_000;

/** Errors: `nul_byte`, `value_too_large`, `spawn_failed`, `ssh_*`, `host_key_*`, `name_unresolved`, `remote_shell_broken`. */
export async function startOverTailscale(way: TailscaleWay, request: TailscaleScript): Promise<Result<TailscaleProcess>> {
  const { script, args, stdin, env, clock, signal } = request;
  const endNonce = randomBytes(8).toString("hex");
  const whole = withEndMark(args.length === 0 ? script : `set -- ${args.map(quote).join(" ")}\n${script}`, endNonce);
  const made = bootstrap(whole, randomBytes(8).toString("hex"));
  if (!made.ok) return made;
  if (signal.aborted) return err(gaveUp(way));
  const process = new TailscaleProcess(way, { ...made.value, endNonce }, request, env, clock);
  const kill = () => process.kill(gaveUp(way));
  signal.addEventListener("abort", kill, { once: true });
  void process.ended.then(() => signal.removeEventListener("abort", kill));
  void process.write(Buffer.concat([made.value.script, stdin]));
  const waited = await within(process.begun, BEGIN_DEADLINE_MS, { clock, signal });
  if (process.pid !== undefined) return ok(process);
  if (waited.type !== "deadline") {
    const end = await process.ended;
    return err(end.type === "lost" ? end.error : endedEarly(way, process.noise));
  }
  const { noise } = process;
  const early = endedEarly(way, noise);
  const error = early.code === "ssh_failed" ? notBegun(way, noise) : early;
  process.kill(error);
  return err(error);
}
