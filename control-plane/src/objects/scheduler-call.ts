/** Calls from routes to the Scheduler of a fleet. */
import type { Actor } from "../domain/tasks/calls.ts";
import type { AgentPrincipal, UserPrincipal } from "../domain/access/principal.ts";
import type { Scheduler } from "./scheduler.ts";

export const schedulerOf = ({ env, fleet }: { env: Env; fleet: string }): DurableObjectStub<Scheduler> => env.SCHEDULER.getByName(fleet);

/** Who did it, as the Scheduler notes it down and checks it. */
export function actorFor(who: UserPrincipal | AgentPrincipal): Actor {
  const parent = who.kind === "agent" ? { task: who.task, attempt: who.id, fence: who.fence } : undefined;
  return { name: who.name, credential: who.id, ...(parent === undefined ? {} : { parent }) };
}
