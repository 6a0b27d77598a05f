/** The check of a host that `tailscale ssh` leads to: Tailscale vouches for the way, the rest is looked at as everywhere. */
import type { CheckStep, HostCheck } from "@maestro/shared/contract/remote-hosts";
import type { ErrorCode } from "@maestro/shared/errors";
import { ok, type Result } from "@maestro/shared/result";
import { CheckRun, type Looking, type LookRequest } from "../ssh/check-run.ts";
import type { Sinks } from "../ssh/process.ts";
import type { Env } from "./client.ts";
import { startOverTailscale } from "./start.ts";
import type { Peer } from "./status.ts";
import type { TailscaleWay } from "./way.ts";

/** Never fails: what goes wrong is a step of it. */
export async function checkOverTailscale(way: TailscaleWay, request: LookRequest & { env: Env }): Promise<HostCheck> {
  const { env, clock, signal } = request;
  const run = new CheckRun(request);
  run.add({ name: "name", ...nameStep(way.peer) });
  const wayThere: Omit<CheckStep, "ms">[] = [
    { name: "tcp", state: "ok", detail: "By Tailscale." },
    { name: "host-key", state: "ok", detail: "By Tailscale." },
    { name: "authentication", state: "ok", detail: `${way.user} by Tailscale` },
  ];
  const begin = async (script: string, sinks: Sinks): Promise<Result<Looking>> => {
    // What is found may come along with the news that the script has begun; the steps of the way go first.
    let early: Buffer[] | undefined = [];
    const stdout = (chunk: Buffer) => (early === undefined ? sinks.stdout(chunk) : void early.push(chunk));
    const stderr = (chunk: Buffer) => sinks.stderr(chunk);
    const started = await startOverTailscale(way, { script, args: [], stdin: new Uint8Array(), env, clock, signal, stdout, stderr });
    const passed = started.ok ? wayThere.length : stepsBefore(started.error.code);
    for (const step of wayThere.slice(0, passed)) run.add(step);
    if (!started.ok) return started;
    const held = Buffer.concat(early);
    early = undefined;
    void sinks.stdout(held);
    return ok(started.value);
  };
  const { agents, hostname } = await run.look(way.peer.asked, "not asked", begin);
  return run.finish(agents, undefined, hostname);
}

function nameStep({ asked, addresses, state }: Peer): Omit<CheckStep, "ms" | "name"> {
  const address = addresses[0] ?? asked;
  switch (state) {
    case "online":
      return { state: "ok", detail: `${address}, online in the tailnet` };
    case "untold":
      return {
        state: "warning",
        detail: `${address}; the linked host hears nothing of its tailnet now`,
        hint: "See `tailscale status` there.",
      };
  }
}

/** How many of the way's steps a failure leaves behind it. */
function stepsBefore(code: ErrorCode): number {
  if (code.startsWith("host_key_")) return 1;
  if (code === "ssh_auth_failed") return 2;
  return code === "remote_shell_broken" ? 3 : 0;
}
