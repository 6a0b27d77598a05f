/** An agent that begins anew: ended, its workspace emptied and filled again [SKILL9]. */
import { fail } from "@maestro/shared/errors";
import { agentTypeBySlug } from "../db/agent-types.ts";
import { findAgent, setAgentSession } from "../db/agents.ts";
import { defineRoutes } from "../http/define-route.ts";
import { askHost, relayOf } from "../objects/relay-call.ts";
import { agentFor, refuseAtWork, show } from "./agent-place.ts";
import { hostAway, hostOf, stop } from "./agent-runs.ts";
import { presentOf } from "./present-hosts.ts";

export const agentResetRoutes = defineRoutes({
  async agentReset(rx) {
    const agent = await agentFor(rx, rx.params.id);
    const host = await hostOf(rx, agent);
    const definition = await agentTypeBySlug(rx.db, rx.fleet, agent.type);
    if (agent.cwd !== null) throw worksElsewhere(agent.name, agent.cwd);
    await refuseAtWork(rx, agent);
    const relay = relayOf(rx.env, rx.fleet, host.id);
    // Asked before anything is stopped: without its host no workspace is emptied.
    if (!(await relay.linked())) throw hostAway(host, (await presentOf(rx, host.id))[0]?.facts.lastSeenMs);
    await rx.audit(agent.name);
    await stop(rx, agent, rx.body.force === true);
    const { id, name, type, workspace: path } = agent;
    const { removed, template } = await askHost(relay, "workspace.reset", {
      t: "workspace.reset",
      path,
      agent: { id, name, type, ...(definition === undefined ? {} : { definition: { ...definition.definition } }) },
    });
    // How its last session ended is of the life before.
    const stopped = await findAgent(rx.db, rx.fleet, id);
    if (stopped.session !== null) await setAgentSession(rx.db, rx.fleet, id, null, stopped.session, rx.nowMs);
    await rx.feed.append([
      {
        type: "agent.updated",
        subject: id,
        summary: `Agent '${name}' was reset: its workspace on host '${host.name}' was emptied.`,
        data: { name, host: host.name },
      },
    ]);
    const shown = await show(rx, await findAgent(rx.db, rx.fleet, id));
    return { agent: shown, removed, ...(template === undefined ? {} : { template }) };
  },
});

/** What was assigned is not where it works, and of an agent that has moved it is a path of another host. */
const worksElsewhere = (name: string, cwd: string): Error =>
  fail("workspace_error", `Agent '${name}' works in ${cwd}, which was set for it and is not emptied.`, {
    field: "cwd",
    hint: `Let it work in its workspace first: maestro agent set ${name} --cwd ''`,
  });
