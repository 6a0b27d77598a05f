/** [SSH8] The Hosts of this machine's own ssh_config, as the control plane asks for them: within the policy, and in time. */
import { existsSync } from "node:fs";
import type { HostSshConfig } from "@maestro/shared/contract/ssh-config";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { REQUEST_TIMEOUT_MS } from "@maestro/shared/limits";
import { err, ok, type Result } from "@maestro/shared/result";
import { configEntries } from "../transports/ssh-config/entries.ts";
import { configFiles, localUser } from "../transports/ssh-config/here.ts";
import type { Clock } from "./clock.ts";
import type { Policy } from "./policy.ts";
import { refuseSession } from "./shell-policy.ts";
import { resolveWorkspace, type WorkspaceRules } from "./workspace.ts";

interface SshConfigDeps {
  /** The daemon's own. */
  env: Readonly<Record<string, string | undefined>>;
  policy: Pick<Policy, "shell" | "roots">;
  rules: WorkspaceRules;
  clock: Pick<Clock, "monotonicMs">;
}

/** Whoever asks is still there. */
const PATIENCE_MS = REQUEST_TIMEOUT_MS - 5_000;

export async function listSshConfig({ env, policy, rules, clock }: SshConfigDeps): Promise<Result<HostSshConfig>> {
  const until = clock.monotonicMs() + PATIENCE_MS;
  const local = localUser(env);
  const [own, ...system] = configFiles(local.home);
  const refusal = refuseSession(policy) ?? refuseOutside(own.path, policy, rules);
  if (refusal !== undefined) return err(refusal);
  const told = await configEntries({ own, system }, local, () => clock.monotonicMs() > until);
  return told.ok ? ok({ path: own.path, exists: existsSync(own.path), ...told.value }) : told;
}

/** It is a file of this machine: where the policy says which of them concern others, it has to be one of those. */
function refuseOutside(file: string, { roots }: Pick<Policy, "roots">, rules: WorkspaceRules): MaestroError | undefined {
  if (roots === undefined || resolveWorkspace(file, rules).ok) return undefined;
  return maestroError("policy_denied", `This host's policy keeps ${file} to itself: it is in none of its \`roots\`.`, {
    hint: "Name its directory among the `roots` in the host's policy file, or write by hand where the machine is.",
  });
}
