/** `Authorization: Bearer mst_att_…`: an agent at work. Made and checked without a row; that its fence holds the Scheduler says. */
import { fail } from "@maestro/shared/errors";
import { isId } from "@maestro/shared/ids";
import { parseAttemptToken } from "@maestro/shared/token";
import { openAttemptToken } from "../crypto/attempt-token.ts";
import type { AgentCaller, AgentPrincipal } from "../domain/access/principal.ts";
import type { AuthInput } from "./auth-input.ts";
import { unwrap } from "./define-route.ts";

export async function principalOfAttempt(text: string, input: AuthInput): Promise<AgentCaller> {
  const opened = await openAttemptToken(input.config.keys.attempt, text);
  const named = parseAttemptToken(text);
  if (!opened.ok && named.ok) await input.countFailure(`attempt:${named.value.claim.attempt}`);
  const { fleet, task, attempt, fence } = unwrap(opened);
  if (!isId("fleet", fleet))
    throw fail("token_unknown", "This agent's token names no fleet.", { hint: "Use the MAESTRO_TOKEN of a running task." });
  input.identified({ fleet, actor: `agent:${attempt}`, credential: attempt });
  return { kind: "agent", id: attempt, fleet, task, fence };
}

/** Throws `stale_fence` or `attempt_terminal` when somebody else has its place, or it has ended. */
export async function atWork(env: Env, caller: AgentCaller): Promise<AgentPrincipal> {
  const held = unwrap(await env.SCHEDULER.getByName(caller.fleet).holdsFence(caller.id, caller.fence));
  const { agentName, host } = held;
  return { ...caller, name: agentName === undefined ? caller.task : `${agentName}/${caller.task}`, agentName, host };
}
