/** What a linked host does for those it carries: connections, their links, and checks. */
import type { CarriedHost as Carried, RemoteRecord } from "@maestro/shared/contract/remote-hosts";
import { maestroError } from "@maestro/shared/errors";
import { err, ok, type Result } from "@maestro/shared/result";
import type { Clock } from "../daemon/clock.ts";
import type { Log } from "../daemon/log.ts";
import { configFiles, localUser, matchRunner } from "../transports/ssh-config/here.ts";
import { resolveTarget } from "../transports/ssh-config/resolve.ts";
import type { SshTarget } from "../transports/ssh-target.ts";
import { dial } from "../transports/ssh/dial.ts";
import { SshPool } from "../transports/ssh/pool.ts";
import { REMOTE_PATH } from "../transports/ssh/remote-path.ts";
import { Tailnet, type Way } from "../transports/tailscale/way.ts";
import type { CarriedHostDeps } from "./carried-host-deps.ts";
import { CarriedHosts, type CarriedHostsDeps } from "./carried-hosts.ts";
import { containerShell } from "./container-shell.ts";
import type { RemoteShell } from "./remote-shell.ts";
import { notThere } from "./shown-agents.ts";
import { agentShell, sshShell } from "./ssh-shell.ts";
import { tailscaleShell } from "./tailscale-shell.ts";

type PerHost =
  | "carried"
  | "dir"
  | "keys"
  | "enrol"
  | "target"
  | "registryVersion"
  | "shell"
  | "containerShell"
  | "sshTarget"
  | "openWithAgent"
  | "forgive"
  | "hostKeysFile"
  | "prelude"
  | "clock"
  | "timeScale"
  | "log";

export interface CarryingDeps extends Omit<CarriedHostsDeps, "host"> {
  /** Keys of hosts that somebody accepted here. */
  hostKeysFile: string;
  /** The daemon's own. */
  env: Readonly<Record<string, string | undefined>>;
  /** What all of them have in common. */
  common: Omit<CarriedHostDeps, PerHost>;
  signal: AbortSignal;
  clock: Clock;
  timeScale: number;
  log: Log;
}

export function createCarrying(deps: CarryingDeps): CarriedHosts {
  const { clock, timeScale, log, env, signal, hostKeysFile, common } = deps;
  const reach = (target: SshTarget, stopped: AbortSignal) =>
    dial(target, { hostKeysFile, env, clock, signal: stopped, accept: undefined, observe: () => {} });
  const pool = new SshPool({ clock, random: Math.random, timeScale, signal, dial: reach });
  // The files may change at any time, and are read only where the record says so.
  const targetOf = (record: RemoteRecord): Promise<Result<SshTarget>> => {
    const local = localUser(env);
    return resolveTarget(record, { local, files: configFiles(local.home), run: matchRunner(env) });
  };
  const tailnet = new Tailnet(env, clock);
  const wayTo = async (record: RemoteRecord): Promise<Result<Way>> => {
    const target = await targetOf(record);
    return target.ok ? tailnet.wayTo(record, target.value) : target;
  };
  const shellsOf = ({ id, record }: Carried): Pick<CarriedHostDeps, "shell" | "containerShell"> => {
    const plain = sshShell(pool, () => targetOf(record), id, clock);
    const machine = record.transport === "ssh" ? plain : tailscaleShell({ way: () => wayTo(record), plain, env, clock });
    const inside = (container: string): RemoteShell =>
      container === "none" || container === "auto" ? machine : containerShell(machine, container);
    return { shell: inside(record.container), containerShell: inside };
  };
  const forwarding = { dial: reach, env, allowed: common.policy.forwardAgent };
  const openWithAgent = (carried: Carried): RemoteShell["open"] =>
    agentShell(
      forwarding,
      async () => {
        const { record, name } = carried;
        if (record.container !== "none" && record.container !== "auto")
          return err(notThere(`All that runs on ${name} runs in a container.`));
        const way = await wayTo(record);
        if (!way.ok) return way;
        return way.value.type === "ssh"
          ? ok(way.value.target)
          : err(notThere(`${name} is reached by \`tailscale ssh\`, which forwards no ssh-agent.`));
      },
      clock,
    );
  return new CarriedHosts({
    ...deps,
    host: (carried: Carried, more) => ({
      ...common,
      ...more,
      ...shellsOf(carried),
      sshTarget: async () => {
        const way = await wayTo(carried.record);
        if (!way.ok) return way;
        return way.value.type === "ssh" ? ok(way.value.target) : err(noTerminal(carried));
      },
      openWithAgent: openWithAgent(carried),
      async forgive() {
        const target = await targetOf(carried.record);
        if (target.ok) pool.forgive(target.value);
      },
      hostKeysFile,
      prelude: REMOTE_PATH,
      clock,
      timeScale,
      log,
    }),
  });
}

const noTerminal = ({ name }: Carried) =>
  maestroError("backend_unavailable", `${name} is reached by \`tailscale ssh\`, over which there are no terminals.`, {
    field: "host",
    hint: `Tailscale SSH serves a usual ssh as well: maestro host edit ${name} --transport ssh`,
  });
