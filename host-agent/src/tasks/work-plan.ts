/** From an attempt's spec to what the runner is told: type, program, directory, environment; every refusal typed. */
import { randomBytes } from "node:crypto";
import * as path from "node:path";
import { sizeInBytes, type Policy } from "../daemon/policy.ts";
import type { AgentType } from "@maestro/shared/contract/check-agent-type";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import type { AttemptSpec } from "@maestro/shared/protocol/tasks";
import { err, ok, type Result } from "@maestro/shared/result";
import type { Adapter } from "../adapters/adapter.ts";
import { BUILTIN } from "../adapters/builtin.ts";
import type { Detector } from "../adapters/detect.ts";
import { planHeadless } from "../adapters/headless.ts";
import type { Program } from "../adapters/launch.ts";
import { locateProgram } from "../adapters/locate.ts";
import { withOwnProgram } from "../adapters/own-program.ts";
import type { TypeCatalogue } from "../adapters/types/catalogue.ts";
import { refuseAgent, refuseBinary, refuseSession } from "../daemon/shell-policy.ts";
import type { LaunchNote } from "./attempt-files.ts";
import type { ImageFiles } from "./attempt-images.ts";
import { branchOf, cloned, workingDirectory } from "./cloned.ts";
import { traced } from "./trace.ts";
import { forwardedEnv, refuseNames } from "./forwarding.ts";
import { DEFAULT_PIDS, type Limits } from "./runner.ts";
import { foreseeWorkspace, prepareWorkspace, refuseBeforePreparing, refuseWorkspace, type WorkspacePlace } from "./workspaces.ts";

export interface WorkPlanDeps {
  catalogue: TypeCatalogue;
  detector: Detector;
  policy: Policy;
  place: WorkspacePlace;
  /** What every child starts from. */
  baseEnv(): Readonly<Record<string, string>>;
  /** The host-agent's own, for names that a task may take from it. */
  ownEnv: Readonly<Record<string, string | undefined>>;
}

export interface WorkPlan {
  argv: readonly string[];
  env: Readonly<Record<string, string>>;
  stdin: string | undefined;
  cwd: string;
  limits: Limits;
  secrets: readonly string[];
  /** Of its prompt, in the attempt's directory. */
  images: ImageFiles;
  note: Omit<LaunchNote, "bootId">;
}

/** What can be refused before anything is made, for the answer to an offer. */
export function refuseWork(spec: AttemptSpec, deps: WorkPlanDeps): MaestroError | undefined {
  const chosen = chooseType(spec, deps);
  return chosen.ok ? refuseChosen(spec, chosen.value, deps, refuseWorkspace) : chosen.error;
}

function refuseChosen(
  spec: AttemptSpec,
  { type, adapter, program }: Chosen,
  deps: WorkPlanDeps,
  refusePlace: typeof refuseWorkspace,
): MaestroError | undefined {
  const { policy, place } = deps;
  const refusal =
    (spec.agent === undefined || spec.command !== undefined ? refuseSession(policy) : refuseAgent(policy, spec.agent, type)) ??
    refuseFlags(spec, policy) ??
    refuseNames(spec, policy) ??
    refusePlace(spec, place);
  if (refusal !== undefined) return refusal;
  const dry = planHeadless(spec, type, adapter, program, "/");
  if (!dry.ok) return dry.error;
  // A program that the workspace brings along is looked for when there is one.
  if (dry.value.argv[0]?.includes("/") === true && !path.isAbsolute(dry.value.argv[0])) return undefined;
  const located = locate(dry.value.argv, "/", deps);
  return located.ok ? undefined : located.error;
}

/**
 * What a plan will note of it, should it be lost before that is on disk. Undefined: only the plan can say, or it takes so
 * long (git, a template) that a crash of the machine had better find nothing begun.
 */
export function foreseeWork(spec: AttemptSpec, deps: WorkPlanDeps): WorkPlan["note"] | undefined {
  const chosen = chooseType(spec, deps);
  const where = foreseeWorkspace(spec, deps.place);
  return chosen.ok && chosen.value.type.workspace_template === undefined && where !== undefined
    ? { ...where, adapter: chosen.value.adapter.name }
    : undefined;
}

export async function planWork(
  spec: AttemptSpec,
  sealed: Readonly<Record<string, string>>,
  log: string,
  images: ImageFiles,
  deps: WorkPlanDeps,
): Promise<Result<WorkPlan>> {
  const chosen = chooseType(spec, deps);
  if (!chosen.ok) return chosen;
  // The policy or the types may have changed since the offer.
  const refusal = refuseChosen(spec, chosen.value, deps, refuseBeforePreparing);
  if (refusal !== undefined) return err(refusal);
  const { type, adapter, program } = chosen.value;
  const forwarded = forwardedEnv(spec, sealed, deps.ownEnv);
  if (!forwarded.ok) return forwarded;
  const prepared = await prepareWorkspace(spec, type.workspace_template, log, deps.place);
  if (!prepared.ok) return prepared;
  const { cwd, ...where } = prepared.value;
  const files = images.map((image) => path.join(path.dirname(log), image));
  const planned = planHeadless(spec, type, adapter, program, workingDirectory(spec, cwd), undefined, files);
  if (!planned.ok) return planned;
  const located = locate(planned.value.argv, cwd, deps);
  if (!located.ok) return located;
  const branch = branchOf(spec);
  const { TERM: _term, COLORTERM: _colours, ...base } = deps.baseEnv();
  return ok({
    argv: spec.trace ? traced(cloned(located.value, spec), randomBytes(16).toString("hex")) : cloned(located.value, spec),
    env: {
      ...base,
      TERM: "dumb",
      ...planned.value.env,
      ...spec.env,
      ...forwarded.value.env,
      // By it the attempt's processes are found again.
      MAESTRO_ATTEMPT_ID: spec.attempt,
      MAESTRO_WORKSPACE: where.workspace,
      PWD: cwd,
    },
    stdin: planned.value.stdin,
    cwd,
    limits: limitsOf(type),
    secrets: forwarded.value.secrets,
    images,
    note: { ...where, ...(branch === undefined ? {} : { branch }), adapter: adapter.name },
  });
}

interface Chosen {
  type: AgentType;
  adapter: Adapter;
  program: Program | undefined;
}

function chooseType(spec: AttemptSpec, { catalogue, detector, place }: WorkPlanDeps): Result<Chosen> {
  catalogue.refresh();
  const type = spec.agent === undefined ? ok(COMMAND_TYPE) : catalogue.resolve(spec.agent.type, spec.agent.definition);
  if (!type.ok) return type;
  // A step without an LLM runs as it is given, whoever's workspace it is in.
  const own =
    spec.command === undefined ? withOwnProgram(BUILTIN[type.value.adapter], spec.agent?.program, place.rules.userHome) : ok(BUILTIN.shell);
  if (!own.ok) return own;
  const adapter = own.value;
  const binary = adapter.binaries.length === 0 ? undefined : detector.locate(adapter);
  return ok({
    type: type.value,
    adapter,
    program: binary === undefined ? undefined : { binary, version: detector.knownVersion(binary) },
  });
}

const COMMAND_TYPE: AgentType = { slug: "shell", adapter: "shell" };

/** [shell: deny] Some CLIs read a value that looks like a flag as one. */
function refuseFlags({ model, mode }: AttemptSpec, { shell }: Policy): MaestroError | undefined {
  if (shell === "allow") return undefined;
  const field = model?.startsWith("-") === true ? "model" : mode?.startsWith("-") === true ? "mode" : undefined;
  return field === undefined
    ? undefined
    : maestroError("policy_denied", "This host's policy allows an agent no arguments but those of its type.", { field });
}

/** Its whole path, so that what is not there is told before anything is started. */
function locate(argv: readonly string[], cwd: string, { baseEnv, policy }: WorkPlanDeps): Result<readonly string[]> {
  const [name = "", ...rest] = argv;
  const searchPath = baseEnv()["PATH"] ?? "";
  const file = locateProgram([name.includes("/") ? path.resolve(cwd, name) : name], searchPath);
  if (file === undefined)
    return err(
      maestroError(
        "spawn_failed",
        name.includes("/")
          ? `'${name.slice(0, 256)}' is no program that can be run${path.isAbsolute(name) ? "" : ` in '${cwd}'`}.`
          : `'${name.slice(0, 256)}' was not found in ${searchPath}.`,
        { field: "command", hint: "Install it on the host, or give its whole path." },
      ),
    );
  const refusal = refuseBinary(policy, file, searchPath);
  return refusal === undefined ? ok([file, ...rest]) : err(refusal);
}

function limitsOf({ resource_limits: limits }: AgentType): Limits {
  return {
    memoryBytes: limits?.memory === undefined ? undefined : sizeInBytes(limits.memory),
    pids: limits?.pids ?? DEFAULT_PIDS,
    cpus: limits?.cpus,
  };
}
