/** Which variables reach a child, and which of them are secrets. The host's policy has the last word. Pure. */
import { FORWARDABLE_ENV } from "@maestro/shared/contract/state";
import { isDeniedEnv } from "@maestro/shared/contract/check-agent-type";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import type { AttemptSpec } from "@maestro/shared/protocol/tasks";
import { err, ok, type Result } from "@maestro/shared/result";
import type { Policy } from "../daemon/policy.ts";

type Env = Readonly<Record<string, string>>;

/** Of an attempt's own, which no policy narrows: its token, and where to use it. */
const OWN = new Set(["MAESTRO_TOKEN", "MAESTRO_URL"]);
/** Brought with the secrets and none. */
const PUBLIC = new Set(["MAESTRO_URL"]);

export function refuseNames(
  { env, hostEnv, secretNames }: Pick<AttemptSpec, "env" | "hostEnv" | "secretNames">,
  policy: Pick<Policy, "forward" | "shell">,
): MaestroError | undefined {
  const names = [...Object.keys(env), ...hostEnv, ...secretNames];
  const denied = names.find((name) => isDeniedEnv(name));
  if (denied !== undefined)
    return maestroError("env_denied", `The variable ${denied} may not be set for a task.`, { field: `env.${denied}` });
  const [free] = policy.shell === "deny" ? Object.keys(env) : [];
  if (free !== undefined)
    return maestroError("policy_denied", "This host's policy allows a task no variables but those of its agent's type.", {
      field: `env.${free}`,
      hint: "`shell: deny` in its policy file says so.",
    });
  const usual: readonly string[] = FORWARDABLE_ENV;
  const mayTake = policy.forward ?? usual;
  const taken = hostEnv.find((name) => !mayTake.includes(name));
  // A fleet's own secrets have names that no list of ours knows; a policy that names some means only those.
  const given =
    policy.forward === undefined && policy.shell === "allow"
      ? undefined
      : secretNames.find((name) => !OWN.has(name) && !mayTake.includes(name));
  const refused = taken ?? given;
  if (refused === undefined) return undefined;
  return maestroError("policy_denied", `This host does not pass ${refused} on to tasks.`, {
    field: `env.${refused}`,
    hint: `Name it under \`forward\` in the host's policy file. Allowed now: ${mayTake.join(", ")}.`,
  });
}

export interface Forwarded {
  env: Env;
  /** Values that must not be seen in a log. */
  secrets: string[];
}

/** @param sealed what `start` brought. @param own the host-agent's environment. */
export function forwardedEnv(
  { hostEnv, secretNames }: Pick<AttemptSpec, "hostEnv" | "secretNames">,
  sealed: Env,
  own: Readonly<Record<string, string | undefined>>,
): Result<Forwarded> {
  const missing = hostEnv.find((name) => (own[name] ?? "") === "") ?? secretNames.find((name) => sealed[name] === undefined);
  if (missing !== undefined)
    return err(
      maestroError("secret_not_found", `The task needs ${missing}, and it is not there.`, {
        field: `env.${missing}`,
        hint: hostEnv.includes(missing)
          ? "It is taken from the environment that the host-agent was started with."
          : "Set it: maestro secret set.",
      }),
    );
  const env: Record<string, string> = {};
  for (const name of hostEnv) env[name] = own[name] ?? "";
  // What was not announced is not set: the policy has judged the names of the offer.
  for (const [name, value] of Object.entries(sealed)) if (OWN.has(name) || secretNames.includes(name)) env[name] = value;
  const secrets = Object.entries(env).flatMap(([name, value]) => (PUBLIC.has(name) ? [] : [value]));
  return ok({ env, secrets });
}

/**
 * After a crash of the host-agent, what to blot out is known from the child alone, as nothing of it was written down; and
 * what came from this host, from the host-agent's own environment. @param own that one.
 */
export function secretsOf(
  { hostEnv, secretNames }: Pick<AttemptSpec, "hostEnv" | "secretNames">,
  environ: string,
  own: Readonly<Record<string, string | undefined>>,
): string[] {
  const names = new Set(["MAESTRO_TOKEN", ...hostEnv, ...secretNames]);
  const ofChild = environ.split("\0").flatMap((entry) => {
    const at = entry.indexOf("=");
    return at > 0 && names.has(entry.slice(0, at)) && !PUBLIC.has(entry.slice(0, at)) ? [entry.slice(at + 1)] : [];
  });
  return [...new Set([...ofChild, ...hostEnv.flatMap((name) => own[name] ?? [])])];
}
