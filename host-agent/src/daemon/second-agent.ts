/** Two programs of one agent would work in one workspace. */
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import type { SessionInfo } from "@maestro/shared/protocol/session";
import type { HolderKeeper } from "./holder-keeper.ts";

/** The same session once more is the holder's to refuse. */
const refuseSecond = (name: string, asked: string, running: string | undefined): MaestroError | undefined =>
  running === undefined || running === asked
    ? undefined
    : maestroError("agent_running", `Agent '${name}' runs on this host in session ${running}.`, {
        hint: `Attach to it: maestro agent attach ${name}`,
      });

export async function refuseRunning(
  keeper: Pick<HolderKeeper, "sessions" | "client">,
  agent: { id: string; name: string },
  session: string,
): Promise<MaestroError | undefined> {
  const isAlive = (one: SessionInfo) => one.agent === agent.id && one.end === undefined;
  if (!keeper.sessions.some(isAlive)) return undefined;
  const holder = keeper.client();
  if (!holder.ok) return holder.error;
  // The holder's own list: ours does not know yet of one that was killed a moment ago.
  const sessions = await holder.value.list();
  return sessions.ok ? refuseSecond(agent.name, session, sessions.value.find(isAlive)?.id) : sessions.error;
}
