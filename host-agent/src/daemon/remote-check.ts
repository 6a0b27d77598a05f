/** [SSH21] A check as the control plane asks for it: a record, saved or not, and what this host reaches by it. */
import { CHECKS, type AcceptHostKey, type HostCheck, type RemoteRecord } from "@maestro/shared/contract/remote-hosts";
import type { MaestroError } from "@maestro/shared/errors";
import { BUILTIN_TYPES } from "../adapters/builtin.ts";
import { configFiles, localUser, matchRunner } from "../transports/ssh-config/here.ts";
import { resolveTarget } from "../transports/ssh-config/resolve.ts";
import { checkHost } from "../transports/ssh/check.ts";
import { checkOverTailscale } from "../transports/tailscale/check.ts";
import { refuseForwarding } from "../transports/ssh/forwarding.ts";
import { Tailnet } from "../transports/tailscale/way.ts";
import type { Clock } from "./clock.ts";
import type { Policy } from "./policy.ts";

export interface RemoteCheckDeps {
  /** Keys of hosts that somebody accepted here. */
  hostKeysFile: string;
  /** The daemon's own. */
  env: Readonly<Record<string, string | undefined>>;
  policy: Pick<Policy, "forwardAgent">;
  clock: Clock;
  signal: AbortSignal;
}

/** A record that leads nowhere is a finding like the others: its first step fails. */
export async function checkRemote(
  record: RemoteRecord,
  accept: AcceptHostKey | undefined,
  { hostKeysFile, env, policy, clock, signal }: RemoteCheckDeps,
): Promise<HostCheck> {
  const local = localUser(env);
  const target = await resolveTarget(record, { local, files: configFiles(local.home), run: matchRunner(env) });
  if (!target.ok) return leadsNowhere(target.error);
  const way = await new Tailnet(env, clock).wayTo(record, target.value);
  if (!way.ok) return leadsNowhere(way.error);
  const { container, cwd } = record;
  const common = { env, clock, signal, container, cwd, agents: BUILTIN_TYPES };
  switch (way.value.type) {
    case "tailscale":
      return checkOverTailscale(way.value, common);
    case "ssh":
      return checkHost(way.value.target, {
        ...common,
        hostKeysFile,
        accept,
        forwardAgent: refuseForwarding(way.value.target, policy.forwardAgent) === undefined,
      });
  }
}

function leadsNowhere({ code, detail, hint }: MaestroError): HostCheck {
  const [first, ...others] = CHECKS;
  return {
    ok: false,
    steps: [
      {
        name: first,
        state: "failed",
        detail: detail.slice(0, 1024),
        code,
        ...(hint === undefined ? {} : { hint: hint.slice(0, 1024) }),
        ms: 0,
      },
      ...others.map((name) => ({ name, state: "skipped" as const, detail: "What it needs failed before.", ms: 0 })),
    ],
    agents: [],
  };
}
