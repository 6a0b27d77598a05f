/** Whether an agent could take a task now, as far as its host has said: for dispatch, and for `agent health`. */
import type { AgentHealth } from "@maestro/shared/contract/tasks";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import type { TaskNeed } from "@maestro/shared/protocol/task-needs";
import type { PresentHost } from "../events/present.ts";
import { awayHint } from "../fleet/away.ts";
import { checkLaunchable } from "../fleet/launch.ts";
import { tooOld, unknownNeed } from "../fleet/too-old.ts";

export interface AgentAtHost {
  name: string;
  type: string;
  host: string;
  /** Its type was made through the API. */
  definedHere: boolean;
  /** Started instead of its type's CLI; whether that is there its host finds out. */
  program: string | null;
}

type HostNow = Omit<PresentHost, "sessions">;

/** What no waiting would heal. @param here undefined: its host has never told anything. */
export function readinessProblem(
  agent: AgentAtHost,
  here: HostNow | undefined,
  need: { command: boolean; capabilities: readonly string[]; host: readonly TaskNeed[] },
): MaestroError | undefined {
  const lacking = here === undefined ? undefined : need.capabilities.find((one) => !capabilitiesOf(agent, here).includes(one));
  if (lacking !== undefined)
    return maestroError("agent_unhealthy", `Agent '${agent.name}' has no '${lacking}' on host '${agent.host}'.`, {
      field: "on.capabilities",
      hint: "Send it to another agent.",
    });
  const unknown = unknownNeed(here?.facts, need.host);
  if (unknown !== undefined) return tooOld(agent.host, here?.facts, unknown, FIELDS[unknown]);
  if (need.command) return undefined;
  const problem = typeProblem(agent, here);
  if (problem === undefined) return undefined;
  const told = { field: "to", ...(problem.hint === undefined ? {} : { hint: problem.hint }) };
  // What is not installed has a code of its own, which says how to install it.
  return problem.code === "agent_cli_missing"
    ? maestroError("agent_cli_missing", problem.detail, told)
    : maestroError("agent_unhealthy", `Agent '${agent.name}' cannot work: ${problem.detail}`, told);
}

/** Where it was asked for; what is the agent's own comes with whom it was sent to. */
const FIELDS: Readonly<Record<TaskNeed, string>> = {
  images: "images",
  permissions: "permissions",
  forwardAgent: "forwardAgent",
  container: "container",
  repository: "repository",
  program: "to",
  isolation: "to",
};

/** Of the agent's type on its host; none while the host has not told of its types. */
export function typeProblem({ type, host, definedHere, program }: AgentAtHost, here: HostNow | undefined): MaestroError | undefined {
  const types = here?.types ?? [];
  if (types.length === 0) return undefined;
  const problem = checkLaunchable(
    type,
    types.find(({ slug }) => slug === type),
    definedHere,
    host,
    types.map(({ slug }) => slug),
  );
  return problem?.code === "agent_cli_missing" && program !== null ? undefined : problem;
}

const capabilitiesOf = ({ type }: AgentAtHost, { facts, types }: HostNow): string[] => [
  ...facts.capabilities,
  ...(types.find(({ slug }) => slug === type)?.capabilities ?? []),
];

export interface HealthInput {
  agent: AgentAtHost & { id: string; workspace: string };
  host: {
    id: string;
    name: string;
    online: boolean;
    draining: boolean;
    locked: boolean;
    carried: boolean;
    lastSeenAt?: string | undefined;
  };
  here: HostNow | undefined;
  /** What of it runs, and how its last task ended. */
  work: { running: readonly string[]; last?: { task: string; status: string; reason?: string | undefined } | undefined };
}

/** [SKILL6] One that is busy is healthy, and so is one that is idle. */
export function healthOf({ agent, host, here, work }: HealthInput): AgentHealth {
  const reasons: AgentHealth["reasons"] = [];
  const checks: AgentHealth["checks"] = [];
  const check = (name: string, ok: boolean, detail: string, reason?: { code: string; hint?: string | undefined }): void => {
    checks.push({ name, ok, detail });
    if (!ok && reason !== undefined)
      reasons.push({ code: reason.code, detail, ...(reason.hint === undefined ? {} : { hint: reason.hint }) });
  };
  check(
    "host",
    host.online && !host.locked,
    host.locked ? `Host '${host.name}' is locked.` : host.online ? `Host '${host.name}' is online.` : awayText(host),
    host.locked
      ? { code: "host_locked", hint: `An owner unlocks it: maestro host unlock ${host.name}` }
      : { code: "host_unreachable", hint: awayHint(host.name, host.carried) },
  );
  check("drain", !host.draining, host.draining ? `Host '${host.name}' takes no new work.` : "Its host takes work.", {
    code: "host_draining",
    hint: `Resume it: maestro host resume ${host.name}`,
  });
  const problem = typeProblem(agent, here);
  check("type", problem === undefined, problem?.detail ?? typeText(agent, here), {
    code: problem?.code ?? "internal",
    hint: problem?.hint,
  });
  check("workspace", agent.workspace !== "", agent.workspace === "" ? "It has no workspace." : agent.workspace, {
    code: "workspace_error",
  });
  const failing = work.last?.reason === undefined ? undefined : FAILING[work.last.reason];
  if (work.last !== undefined)
    check(
      "last task",
      failing === undefined,
      `${work.last.task}: ${work.last.status}${work.last.reason === undefined ? "" : ` (${work.last.reason})`}`,
      { code: work.last.reason ?? "internal", hint: failing },
    );
  checks.push({ name: "work", ok: true, detail: work.running.length === 0 ? "Idle." : `Works at ${work.running.join(", ")}.` });
  return {
    agent: { id: agent.id, name: agent.name },
    host: { id: host.id, name: host.name },
    status: reasons.length === 0 ? "healthy" : "unhealthy",
    reasons,
    checks,
    ...(work.last === undefined ? {} : { lastTask: work.last.task }),
  };
}

/** Ends of a task that the next one would share, and what to do about them. */
const FAILING: Readonly<Record<string, string>> = {
  auth_failed: "Log the agent's CLI in on that host, then send it a task.",
  quota_limit: "Wait until its provider's quota is back, then send it a task.",
  agent_cli_missing: "Install its CLI on that host.",
  policy_denied: "The host's policy forbids it: see policy.yaml there.",
};

const awayText = ({ name, lastSeenAt }: HealthInput["host"]): string =>
  `Host '${name}' is not connected. ${lastSeenAt === undefined ? "It has never connected." : `Last seen ${lastSeenAt}.`}`;

function typeText({ type, definedHere, program }: AgentAtHost, here: HostNow | undefined): string {
  if (program !== null) return `${program} (set for this agent)`;
  const detected = here?.types.find(({ slug }) => slug === type)?.detected;
  if (detected?.state === "found") return `${detected.binary} ${detected.version}`.trim();
  return definedHere ? `'${type}' is a type of the fleet.` : "Its host has not told of its types yet.";
}
