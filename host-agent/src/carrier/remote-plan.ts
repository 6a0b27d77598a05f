/** From an attempt's spec to what its runner on another machine is told. Pure: what is there is known from its facts. */
import { randomBytes } from "node:crypto";
import * as path from "node:path";
import type { AgentType } from "@maestro/shared/contract/check-agent-type";
import type { RemoteRecord } from "@maestro/shared/contract/remote-hosts";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import type { AttemptSpec } from "@maestro/shared/protocol/tasks";
import { err, ok, type Result } from "@maestro/shared/result";
import type { Adapter } from "../adapters/adapter.ts";
import { BUILTIN } from "../adapters/builtin.ts";
import { planHeadless } from "../adapters/headless.ts";
import type { Program } from "../adapters/launch.ts";
import { withOwnProgram } from "../adapters/own-program.ts";
import type { TypeCatalogue } from "../adapters/types/catalogue.ts";
import { sizeInBytes, type Policy } from "../daemon/policy.ts";
import { refuseAgent, refuseSession } from "../daemon/shell-policy.ts";
import { forwardedEnv, refuseNames } from "../tasks/forwarding.ts";
import type { ImageFiles } from "../tasks/attempt-images.ts";
import { branchOf, cloned, workingDirectory } from "../tasks/cloned.ts";
import { DEFAULT_PIDS } from "../tasks/runner.ts";
import { traced } from "../tasks/trace.ts";
import type { WorkPlan } from "../tasks/work-plan.ts";
import type { RemoteFacts } from "./hand.ts";
import { notThere } from "./shown-agents.ts";

export interface RemotePlanDeps {
  catalogue: TypeCatalogue;
  /** Of the carrier: it forwards the credentials, and starts what it is told to. */
  policy: Policy;
  ownEnv: Readonly<Record<string, string | undefined>>;
  record: Pick<RemoteRecord, "env" | "cwd">;
  facts: RemoteFacts;
  /** Its workspace is there already, with all that belongs into it. */
  isPrepared?: boolean;
  /** Of an agent CLI, where it is there. */
  program(adapter: Adapter): Program | undefined;
}

export function refuseRemote(spec: AttemptSpec, deps: RemotePlanDeps): MaestroError | undefined {
  const planned = plan(spec, deps);
  return planned.ok ? undefined : planned.error;
}

/** Of what is to run in a container of its own there. */
export function refuseIsolatedRemote(
  spec: AttemptSpec,
  type: AgentType,
  { policy, record, facts }: Pick<RemotePlanDeps, "policy" | "record" | "facts">,
): MaestroError | undefined {
  const refusal =
    (spec.agent === undefined || spec.command !== undefined ? refuseSession(policy) : refuseAgent(policy, spec.agent, type)) ??
    refuseNames(spec, policy) ??
    refuseUnbuilt(type);
  if (refusal !== undefined) return refusal;
  const where = workspaceOf(spec, record, facts);
  return where.ok ? undefined : where.error;
}

export function planRemote(
  spec: AttemptSpec,
  sealed: Readonly<Record<string, string>>,
  deps: RemotePlanDeps,
  images: ImageFiles = [],
): Result<WorkPlan> {
  // A name of its own for each start: what an earlier one has on its way there cannot meet it.
  const name = `${spec.attempt}-${randomBytes(4).toString("hex")}`;
  const planned = plan(
    spec,
    deps,
    images.map((image) => `${attemptDir(deps.facts, name)}/${image}`),
  );
  if (!planned.ok) return planned;
  const { type, adapter, place, headless } = planned.value;
  const forwarded = forwardedEnv(spec, sealed, deps.ownEnv);
  if (!forwarded.ok) return forwarded;
  const { home, user, shell, lang, path: searchPath } = deps.facts;
  const { resource_limits: limits } = type;
  const branch = branchOf(spec);
  return ok({
    argv: spec.trace ? traced(cloned(headless.argv, spec), randomBytes(16).toString("hex")) : cloned(headless.argv, spec),
    env: {
      HOME: home,
      USER: user,
      LOGNAME: user,
      SHELL: shell,
      ...(lang === "" ? {} : { LANG: lang }),
      PATH: searchPath,
      TERM: "dumb",
      ...deps.record.env,
      ...headless.env,
      ...spec.env,
      ...forwarded.value.env,
      // By it the attempt's processes are found again.
      MAESTRO_ATTEMPT_ID: spec.attempt,
      MAESTRO_WORKSPACE: place.workspace,
      PWD: place.cwd,
    },
    stdin: headless.stdin,
    cwd: place.cwd,
    limits: {
      memoryBytes: limits?.memory === undefined ? undefined : sizeInBytes(limits.memory),
      pids: limits?.pids ?? DEFAULT_PIDS,
      cpus: limits?.cpus,
    },
    secrets: forwarded.value.secrets,
    images,
    note: {
      remote: name,
      workspace: place.workspace,
      kind: place.kind,
      ...(branch === undefined ? {} : { branch }),
      adapter: adapter.name,
    },
  });
}

/** Where everything of an attempt lies there. */
export const attemptDir = ({ base }: Pick<RemoteFacts, "base">, name: string): string => `${base}/attempts/${name}`;

function plan(
  spec: AttemptSpec,
  { catalogue, policy, record, facts, isPrepared = false, program }: RemotePlanDeps,
  images: readonly string[] = [],
) {
  catalogue.refresh();
  const type: Result<AgentType> =
    spec.agent === undefined ? ok({ slug: "shell", adapter: "shell" }) : catalogue.resolve(spec.agent.type, spec.agent.definition);
  if (!type.ok) return type;
  const own = spec.command === undefined ? withOwnProgram(BUILTIN[type.value.adapter], spec.agent?.program, facts.home) : ok(BUILTIN.shell);
  if (!own.ok) return own;
  const adapter = own.value;
  const found = foundThere(adapter, program);
  const refusal =
    (spec.agent === undefined || spec.command !== undefined ? refuseSession(policy) : refuseAgent(policy, spec.agent, type.value)) ??
    refuseNames(spec, policy) ??
    refuseForwardedAgent(spec, policy) ??
    (isPrepared ? undefined : refuseUnbuilt(type.value));
  if (refusal !== undefined) return err(refusal);
  const place = placeOf(spec, record, facts);
  if (!place.ok) return place;
  const headless = planHeadless(spec, type.value, adapter, found, workingDirectory(spec, place.value.cwd), facts.user === "root", images);
  if (!headless.ok) return headless;
  const notAllowed = refuseThere(policy, headless.value.argv[0] ?? "", adapter, found);
  if (notAllowed !== undefined) return err(notAllowed);
  return ok({ type: type.value, adapter, place: place.value, headless: headless.value });
}

/** One that was set for the agent was not looked for: whether it is there shows when it is started. */
export function foundThere(adapter: Adapter, program: RemotePlanDeps["program"]): Program | undefined {
  const [own] = adapter.binaries;
  if (own === undefined) return undefined;
  return adapter.chosen === true ? { binary: own, version: undefined } : program(adapter);
}

/**
 * What the carrier's policy names may be started elsewhere too: by that very name or path, or as the CLI of an agent that was found there.
 *
 * @param file as it is to be started there.
 */
export function refuseThere(
  { binaries }: Pick<Policy, "binaries">,
  file: string,
  adapter: Pick<Adapter, "binaries">,
  found: Program | undefined,
): MaestroError | undefined {
  const isAgent = found !== undefined && file === found.binary;
  if (binaries === undefined || binaries.includes(file) || (isAgent && adapter.binaries.some((name) => binaries.includes(name))))
    return undefined;
  return maestroError("policy_denied", `The policy of the host that reaches it does not allow '${file}' to be started.`, {
    field: "command",
    hint: `Allowed are: ${binaries.join(", ")}. Name it under \`binaries\` in the policy file of that host.`,
  });
}

/** Whether the very host may see one is known when it is started: by where ssh connects to. */
function refuseForwardedAgent(spec: AttemptSpec, { forwardAgent }: Policy): MaestroError | undefined {
  if (spec.forwardAgent !== true) return undefined;
  if (spec.container !== undefined) return notThere("A task in a container is shown no ssh-agent, nor one that names a container.");
  return forwardAgent.length > 0
    ? undefined
    : maestroError("policy_denied", "The policy of the host that reaches it lets no task use its ssh-agent.", {
        field: "forwardAgent",
        hint: "Whoever owns that host names the hosts where it may be used, in its policy file: forward_agent: [gpu.example.com]",
      });
}

/** A template lies on the carrier. */
export function refuseUnbuilt({ workspace_template: template }: AgentType): MaestroError | undefined {
  return template === undefined
    ? undefined
    : maestroError("workspace_error", `The type's workspace template '${template}' is on another machine than the one it is to run on.`, {
        field: "type",
        hint: "Leave `workspace_template` out of types for remote hosts, or give the task a workspace that is there.",
      });
}

interface Place {
  workspace: string;
  kind: "default" | "path";
  cwd: string;
}

function placeOf(spec: AttemptSpec, record: Pick<RemoteRecord, "cwd">, facts: RemoteFacts): Result<Place> {
  const workspace = workspaceOf(spec, record, facts);
  if (!workspace.ok) return workspace;
  if (spec.cwd === undefined || spec.repository !== undefined) return ok({ ...workspace.value, cwd: workspace.value.workspace });
  const cwd = spec.cwd.startsWith("~") ? resolveThere(spec.cwd, facts, "cwd") : ok(path.posix.resolve(workspace.value.workspace, spec.cwd));
  if (!cwd.ok) return cwd;
  const { value } = cwd;
  const leads = !path.posix.isAbsolute(spec.cwd) && !spec.cwd.startsWith("~");
  if (leads && value !== workspace.value.workspace && !value.startsWith(`${workspace.value.workspace}/`))
    return err(maestroError("path_outside_roots", `'${spec.cwd}' leads out of the workspace, to ${value}.`, { field: "cwd" }));
  return ok({ ...workspace.value, cwd: value });
}

/** Where the attempt works there; it need not be there yet. */
export function workspaceOf(
  { workspace, agent, task }: AttemptSpec,
  record: Pick<RemoteRecord, "cwd">,
  facts: RemoteFacts,
): Result<Omit<Place, "cwd">> {
  switch (workspace.mode) {
    case "default": {
      if (record.cwd !== undefined) {
        const override = resolveThere(record.cwd, facts, "cwd");
        return override.ok ? ok({ kind: "path", workspace: override.value }) : override;
      }
      return ok({ kind: "default", workspace: `${facts.base}/workspaces/${agent?.id ?? "commands"}/${task}` });
    }
    case "path": {
      const given = resolveThere(workspace.path, facts, "workspace");
      return given.ok ? ok({ kind: "path", workspace: given.value }) : given;
    }
    case "worktree":
      return err(
        maestroError("workspace_error", "Worktrees are made on linked hosts only.", {
          field: "workspace",
          hint: "Give the directory that it is to work in: --to-workspace <path on that host>.",
        }),
      );
  }
}

/** A directory there; `~` is the home of whoever we are there. */
export function resolveThere(given: string, facts: Pick<RemoteFacts, "home" | "base"> | undefined, field: string): Result<string> {
  if (facts === undefined) return err(maestroError("host_unreachable", "The host has not been reached yet."));
  const { home, base } = facts;
  const absolute = given === "~" ? home : given.startsWith("~/") ? path.posix.join(home, given.slice(2)) : given;
  if (!path.posix.isAbsolute(absolute))
    return err(maestroError("workspace_error", `'${given}' is neither absolute nor below the home of that host (~/…).`, { field }));
  const normal = path.posix.normalize(absolute).replace(/(?<=.)\/$/, "");
  return normal === base || normal.startsWith(`${base}/`)
    ? err(maestroError("path_outside_roots", `'${given}' is where Maestro keeps its own files on that host.`, { field }))
    : ok(normal);
}
