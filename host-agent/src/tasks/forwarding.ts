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
  policy: Pick<Policy, "forward" | "alsoForward" | "shell">,
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
  const mayTake = policy.forward ?? [...usual, ...policy.alsoForward];
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

/** What is known of an attempt's secrets after a crash of the host-agent: nothing of them was written down. */
export interface Recalled {
  values: string[];
  /** Names of what the start brought and is not known here. */
  ask: string[];
  /** Names of what this host took from itself and has no more. */
  unknown: string[];
  /** False: what this host has now may be another value than it had then. */
  sure: boolean;
}

/**
 * @param environ of the process that has the child's pid. The child may have overwritten it, and the pid may be of another
 * attempt's child by now, whose variables have the same names. @param own the host-agent's environment.
 */
export function recall(
  { attempt, hostEnv, secretNames }: Pick<AttemptSpec, "attempt" | "hostEnv" | "secretNames">,
  environ: string,
  own: Readonly<Record<string, string | undefined>>,
): Recalled {
  const entries = environ.split("\0");
  const ofChild = new Map(
    (entries.includes(`MAESTRO_ATTEMPT_ID=${attempt}`) ? entries : []).flatMap((entry) => {
      const at = entry.indexOf("=");
      return at > 0 ? [[entry.slice(0, at), entry.slice(at + 1)] as const] : [];
    }),
  );
  const brought = ["MAESTRO_TOKEN", ...secretNames].filter((name) => !PUBLIC.has(name));
  const values = [...brought, ...hostEnv].flatMap((name) => ofChild.get(name) ?? []);
  return {
    values: [...new Set([...values, ...hostEnv.flatMap((name) => own[name] ?? [])])],
    ask: brought.filter((name) => !ofChild.has(name)),
    unknown: hostEnv.filter((name) => !ofChild.has(name) && (own[name] ?? "") === ""),
    sure: hostEnv.every((name) => ofChild.has(name)),
  };
}

/** Of what was asked for again. An attempt's own token comes with every start that had one. */
export function secretsIn(sealed: Env, asked: readonly string[]): { values: string[]; missing: string[] } {
  return {
    values: Object.entries(sealed).flatMap(([name, value]) => (PUBLIC.has(name) ? [] : [value])),
    missing: asked.filter((name) => !OWN.has(name) && sealed[name] === undefined),
  };
}
