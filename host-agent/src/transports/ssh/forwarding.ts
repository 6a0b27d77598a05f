/** The user's ssh-agent, shown to one script on another host: over a connection of its own, since every session of one sees it. */
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { err, ok, type Result } from "@maestro/shared/result";
import { matchesPatternList } from "../pattern.ts";
import type { SshTarget } from "../ssh-target.ts";
import { agentKeys, agentSocketOf } from "./agent.ts";
import type { SshConnection } from "./connection.ts";
import { placeOf } from "./host-key.ts";
import { loadSsh2 } from "./library.ts";
import type { RemoteProcess } from "./process.ts";
import { startScript, type StartRequest } from "./start.ts";

export interface ForwardingDeps {
  dial(target: SshTarget, signal: AbortSignal): Promise<Result<SshConnection>>;
  /** For SSH_AUTH_SOCK. */
  env: Readonly<Record<string, string | undefined>>;
  /** Patterns of the policy. */
  allowed: readonly string[];
}

/** Errors: `policy_denied`, `ssh_agent_missing`, those of `dial` and of `startScript`. The connection ends with the script. */
export async function startForwarding(
  target: SshTarget,
  request: Omit<StartRequest, "forwardAgent">,
  { dial, env, allowed }: ForwardingDeps,
): Promise<Result<RemoteProcess>> {
  const refusal = refuseForwarding(target, allowed) ?? (await refuseAgent(target, env, request));
  if (refusal !== undefined) return err(refusal);
  const dialled = await dial({ ...target, forwardAgent: true }, request.signal);
  if (!dialled.ok) return dialled;
  const { value: connection } = dialled;
  const started = await startScript(connection, { ...request, forwardAgent: "required" });
  if (!started.ok) {
    await connection.close();
    return started;
  }
  void started.value.ended.then(() => connection.close());
  return ok(started.value);
}

/**
 * By where ssh really connects to, and by whose key it is known: the control plane names both, and must not make another
 * machine of one that the policy allows.
 */
export function refuseForwarding(
  target: Pick<SshTarget, "hostName" | "hostKeyAlias" | "port">,
  allowed: readonly string[],
): MaestroError | undefined {
  const names = [target.hostName, ...(target.hostKeyAlias === undefined ? [] : [target.hostKeyAlias])];
  const patterns = allowed.map((pattern) => pattern.toLowerCase());
  if (names.every((name) => matchesPatternList(name.toLowerCase(), patterns))) return undefined;
  return maestroError("policy_denied", `The policy of the host that reaches ${placeOf(target)} lets no ssh-agent be used there.`, {
    field: "forwardAgent",
    hint: `Whoever owns that host may allow it in its policy file: forward_agent: [${names.join(", ")}]`,
  });
}

async function refuseAgent(
  target: SshTarget,
  env: ForwardingDeps["env"],
  limits: Pick<StartRequest, "clock" | "signal">,
): Promise<MaestroError | undefined> {
  const socket = agentSocketOf(target.agent, env);
  const hint = "Start the host-agent with SSH_AUTH_SOCK set, or name the agent: maestro host edit <host> --option IdentityAgent=<socket>";
  const missing = (why: string) =>
    maestroError("ssh_agent_missing", `The host that reaches ${placeOf(target)} has no ssh-agent to forward: ${why}.`, {
      field: "forwardAgent",
      hint,
    });
  if (socket === undefined) return missing("none is named there");
  const { problem } = await agentKeys(await loadSsh2(), socket, limits);
  return problem === undefined ? undefined : missing(problem);
}
