/** An agent's CLI on its host: started in a session, and ended. */
import { fail, maestroError, MaestroFailure, type ErrorCode, type MaestroError } from "@maestro/shared/errors";
import type { SessionId } from "@maestro/shared/ids";
import { needsOf, type TaskNeed } from "@maestro/shared/protocol/task-needs";
import { agentTypeBySlug, listAgentTypes } from "../db/agent-types.ts";
import { findHost, type HostRow } from "../db/hosts.ts";
import { setAgentSession, type AgentRow } from "../db/agents.ts";
import { isAwaited, sessionOfAgent } from "../domain/fleet/agent-view.ts";
import { awayHint } from "../domain/fleet/away.ts";
import { checkLaunchable, launchedAgent } from "../domain/fleet/launch.ts";
import { isDefinite, NeverSent } from "../domain/fleet/outcome.ts";
import { toSession } from "../domain/fleet/session-view.ts";
import { tooOld, unknownNeed } from "../domain/fleet/too-old.ts";
import { askHost, relayOf } from "../objects/relay-call.ts";
import { refuseDraining, withinReach, type Asking } from "./placed-sessions.ts";
import { presentOf } from "./present-hosts.ts";

const DEFAULT_SIZE = { cols: 80, rows: 24 };

export async function hostOf(rx: Asking, agent: AgentRow): Promise<HostRow> {
  return withinReach(rx, await findHost(rx.db, rx.fleet, agent.host));
}

/** An agent may be assigned before its CLI is installed: starting it says how. */
export async function requireType(rx: Asking, host: HostRow, slug: string): Promise<void> {
  const problem = await launchProblem(rx, host, slug, ["agent_type_not_found"]);
  if (problem !== undefined && problem.code !== "agent_cli_missing") throw new MaestroFailure(problem);
}

/** What a host said of its types may be a minute old: what is not among them it is asked to look for. */
async function launchProblem(rx: Asking, host: HostRow, slug: string, askedFor: readonly ErrorCode[]): Promise<MaestroError | undefined> {
  const problem = await toldProblem(rx, host, slug);
  if (problem === undefined || !askedFor.includes(problem.code)) return problem;
  const looked = await relayOf(rx.env, rx.fleet, host.id).request({ t: "detect" });
  return looked.ok ? toldProblem(rx, host, slug) : problem;
}

async function toldProblem(rx: Asking, host: HostRow, slug: string): Promise<MaestroError | undefined> {
  const [[present], registered] = await Promise.all([presentOf(rx, host.id), listAgentTypes(rx.db, rx.fleet)]);
  const types = present?.types ?? [];
  // A host that has just come has not told yet what it can run: it says so itself when the agent is started.
  if (types.length === 0) return undefined;
  const known = [...types.map((type) => type.slug), ...registered.map((type) => type.slug)];
  return checkLaunchable(
    slug,
    types.find((type) => type.slug === slug),
    registered.some((type) => type.slug === slug),
    host.name,
    known,
  );
}

/** [VR2] What it would be started without is not started. Read anew: since it was last read the host may have come back as another version. */
async function requireKnown(rx: Asking, { id, name }: HostRow, needs: readonly TaskNeed[]): Promise<void> {
  if (needs.length === 0) return;
  const [here] = await presentOf(rx, id);
  const unknown = unknownNeed(here?.facts, needs);
  if (unknown !== undefined) throw new MaestroFailure(tooOld(name, here?.facts, unknown));
}

export async function start(
  rx: Asking,
  agent: AgentRow,
  body: { cols?: number | undefined; rows?: number | undefined; backend?: "auto" | "tmux" | "pty" | undefined },
  newId: () => SessionId,
) {
  const host = await hostOf(rx, agent);
  refuseDraining(host);
  const [[present], definition] = await Promise.all([presentOf(rx, host.id), agentTypeBySlug(rx.db, rx.fleet, agent.type)]);
  const before = sessionOfAgent(agent, present?.sessions ?? []);
  if (before !== undefined && before.end === undefined)
    throw fail("agent_running", `Agent '${agent.name}' is running in session ${before.id}.`, {
      hint: `Attach to it: maestro agent attach ${agent.name}`,
    });
  const relay = relayOf(rx.env, rx.fleet, host.id);
  // Asked before anything is noted: of a host that is not there it is certain that it started nothing.
  if (!(await relay.linked())) throw hostAway(host, present?.facts.lastSeenMs);
  if (isAwaited(agent, before, rx.nowMs)) throw beingStarted(agent);
  const launched = launchedAgent(agent, definition?.definition ?? null);
  await requireKnown(rx, host, needsOf({}, launched));
  const problem = await launchProblem(
    rx,
    host,
    agent.type,
    agent.program === null ? ["agent_type_not_found", "agent_cli_missing"] : ["agent_type_not_found"],
  );
  const ownProgram = problem?.code === "agent_cli_missing" && agent.program !== null;
  if (problem !== undefined && !ownProgram) throw new MaestroFailure(problem);
  const session = newId();
  // Of two starts at once only one gets to take the place of the session before.
  if (!(await setAgentSession(rx.db, rx.fleet, agent.id, session, agent.session, rx.nowMs))) throw beingStarted(agent);
  const { id, name } = agent;
  const started = await askHost(relay, "agent.start", {
    t: "agent.start",
    session,
    agent: launched,
    size: { cols: body.cols ?? DEFAULT_SIZE.cols, rows: body.rows ?? DEFAULT_SIZE.rows },
    backend: body.backend ?? "auto",
  }).catch(async (error: unknown) => {
    // It may be starting all the same: it stays noted, and is awaited until the host tells of it or time is up.
    if (!isDefinite(error)) throw unanswered(error, agent);
    await setAgentSession(rx.db, rx.fleet, agent.id, agent.session, session, rx.nowMs);
    throw error;
  });
  await rx.feed.append([
    {
      type: "agent.started",
      subject: id,
      summary: `Agent '${name}' was started on host '${host.name}'.`,
      data: { name, host: host.name, session },
    },
  ]);
  return toSession({
    info: started.session,
    host: { id: host.id, name: host.name, status: "online", connected: true },
    agent: { id, name },
  });
}

/** False: nothing ran. */
export async function stop(rx: Asking, agent: AgentRow, force: boolean): Promise<boolean> {
  const [host, [present]] = await Promise.all([hostOf(rx, agent), presentOf(rx, agent.host)]);
  const session = sessionOfAgent(agent, present?.sessions ?? []);
  const kill = (id: string) =>
    askHost(relayOf(rx.env, rx.fleet, host.id), "session.kill", { t: "session.kill", session: id, ...(force ? { force } : {}) });
  if (session !== undefined && session.end === undefined) {
    const { killed } = await kill(session.id);
    // It had ended, and its host has forgotten it now: noted still, it would be taken for one that is coming.
    if (!killed && agent.session === session.id) await setAgentSession(rx.db, rx.fleet, agent.id, null, agent.session, rx.nowMs);
  } else if (agent.session !== null && isAwaited(agent, session, rx.nowMs)) await stopAwaited(rx, agent, agent.session, kill);
  else return false;
  await rx.feed.append([
    {
      type: "agent.stopped",
      subject: agent.id,
      summary: `Agent '${agent.name}' was stopped.`,
      data: { name: agent.name, host: host.name },
    },
  ]);
  return true;
}

/** Its host has been asked to start it and has not told of it yet: the session may be there, or come after all. */
async function stopAwaited(rx: Asking, agent: AgentRow, session: SessionId, kill: (id: string) => Promise<unknown>): Promise<void> {
  await kill(session).catch((error: unknown) => {
    throw error instanceof MaestroFailure && error.error.code === "session_not_found" ? beingStarted(agent) : error;
  });
  // Killed, or ended before that and forgotten now: either way none is coming any more.
  await setAgentSession(rx.db, rx.fleet, agent.id, null, session, rx.nowMs);
}

const beingStarted = ({ name }: AgentRow): Error =>
  fail("agent_running", `Agent '${name}' is being started.`, { hint: `Look again in a moment: maestro agent show ${name}` });

const unanswered = (error: unknown, { name }: AgentRow): unknown =>
  error instanceof MaestroFailure
    ? fail(error.error.code, error.error.detail, { hint: `It may be starting all the same; look: maestro agent show ${name}` }, error)
    : error;

export const hostAway = ({ name, via }: HostRow, seenMs: number | undefined): Error =>
  new NeverSent(
    maestroError(
      "host_unreachable",
      `Host '${name}' is not connected. ${seenMs === undefined ? "It has never connected." : `Last seen ${new Date(seenMs).toISOString()}.`}`,
      { hint: awayHint(name, via !== null) },
    ),
  );
