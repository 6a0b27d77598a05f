/**
 * A headless attempt: from its spec to argv, environment and standard input, never a shell string; and from its log to how
 * it went. `planHeadless` is pure; `readOutcome` only reads, in memory that does not grow with the log.
 */
import { isDeniedEnv, type AgentType } from "@maestro/shared/contract/check-agent-type";
import { TASK_REASONS, type TaskReasonCode } from "@maestro/shared/contract/task-reasons";
import type { TaskReason } from "@maestro/shared/contract/tasks";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import type { AttemptSpec } from "@maestro/shared/protocol/tasks";
import { err, ok, type Result } from "@maestro/shared/result";
import type * as z from "zod";
import type { Adapter, HeadlessRequest } from "./adapter.ts";
import { BUILTIN } from "./builtin.ts";
import { fitsArgument } from "./headless/arguments.ts";
import { flagged, named } from "./headless/images.ts";
import { fillTemplate, type Program } from "./launch.ts";

export { readOutcome } from "./headless/outcome.ts";

export type HeadlessSpec = z.infer<typeof AttemptSpec>;

export interface HeadlessPlan {
  argv: readonly string[];
  env: Readonly<Record<string, string>>;
  stdin?: string;
}

/** Who runs it: some CLIs refuse some of it to root. */
const isRoot = (): boolean => process.getuid?.() === 0;

/** Whose output the attempt writes: a command's is its own, whatever agent runs it. */
export const outcomeAdapter = (spec: Pick<HeadlessSpec, "command">, adapter: Adapter): Adapter =>
  spec.command === undefined ? adapter : BUILTIN.shell;

/** @param type and `adapter` of the agent; a command needs none. @param cwd the resolved workspace. @param images of the prompt: absolute, where it runs. */
export function planHeadless(
  spec: HeadlessSpec,
  type: AgentType | undefined,
  adapter: Adapter,
  program: Program | undefined,
  cwd: string,
  root: boolean = isRoot(),
  images: readonly string[] = [],
): Result<HeadlessPlan> {
  const { agent } = spec;
  const denied = [...Object.keys(spec.env), ...Object.keys(agent?.env ?? {})].find(isDeniedEnv);
  if (denied !== undefined)
    return err(maestroError("env_denied", `The variable ${denied} may not be set for a task.`, { field: `env.${denied}` }));
  const env = {
    ...type?.env,
    ...agent?.env,
    ...spec.env,
    MAESTRO_TASK_ID: spec.task,
    MAESTRO_ATTEMPT_ID: spec.attempt,
    ...(agent === undefined ? {} : { MAESTRO_AGENT: agent.name, MAESTRO_AGENT_ID: agent.id }),
  };
  if (spec.command !== undefined) return ok({ argv: spec.command, env });
  const { prompt } = spec;
  if (prompt === undefined) return err(maestroError("field_missing", "Neither a prompt nor a command is given.", { field: "prompt" }));
  if (type === undefined || agent === undefined)
    return err(maestroError("target_missing", "A prompt needs an agent that understands it.", { field: "to" }));
  if (spec.images !== undefined && adapter.name === "shell")
    return err(
      maestroError("field_invalid", "A shell looks at no images.", {
        field: "images",
        hint: "Ask an agent of another type, or leave them out.",
      }),
    );
  const held = spec.permissions === "plan";
  const refusal = held ? refuseReadOnly(adapter) : undefined;
  if (refusal !== undefined) return err(refusal);
  const request = {
    prompt,
    images,
    model: spec.model ?? agent.model,
    mode: held ? readOnlyMode(adapter, type) : (spec.mode ?? type.mode),
    permissions: held ? ("plan" as const) : type.permissions,
    version: program?.version,
    cwd,
    resume: spec.resumeSession,
    // Nearly every CLI has one that lifts its restrictions.
    args: held ? [] : agent.args,
    root,
  };
  switch (adapter.name) {
    case "custom":
      return planCustom(type, request, env);
    case "shell":
    case "claude":
    case "codex":
    case "opencode":
    case "kilo":
    case "gemini":
    case "aider":
    case "copilot":
    case "amp":
    case "qwen": {
      const launch = adapter.headless.launch(request);
      if (!launch.ok) return launch;
      const { args, env: own, stdin } = launch.value;
      const binary = adapter.binaries.length === 0 ? ok(args.length === 0 ? ["/bin/sh"] : []) : programOf(adapter, program);
      if (!binary.ok) return binary;
      return ok({
        argv: [...binary.value, ...args],
        env: held ? { ...env, ...own } : { ...own, ...env },
        ...(stdin === undefined ? {} : { stdin }),
      });
    }
  }
}

/** One of a mode of its own may be more than it says; Kilo Code does nothing without one, and its variable holds in each. */
const readOnlyMode = (adapter: Adapter, type: AgentType): string | undefined => (adapter.name === "kilo" ? type.mode : undefined);

function refuseReadOnly({ name, title }: Adapter): MaestroError | undefined {
  switch (name) {
    case "shell":
    case "custom":
    case "amp":
      return maestroError("policy_denied", `${title} cannot be held to reading only.`, {
        field: "to",
        hint: "Ask an agent of claude, codex, opencode, kilo, gemini, aider, copilot or qwen.",
      });
    case "claude":
    case "codex":
    case "opencode":
    case "kilo":
    case "gemini":
    case "aider":
    case "copilot":
    case "qwen":
      return undefined;
  }
}

function programOf(adapter: Adapter, program: Program | undefined): Result<string[]> {
  if (program !== undefined) return ok([program.binary]);
  return err(
    maestroError("agent_cli_missing", `${adapter.title} is not installed on this host: ${adapter.binaries.join(" or ")} was not found.`, {
      field: "type",
      hint: `Install it there: ${adapter.install}`,
    }),
  );
}

/** The prompt goes where the type says; a template without a place for it takes it on standard input. */
function planCustom(
  type: AgentType,
  { prompt: asked, images, model, cwd, args }: Pick<HeadlessRequest, "prompt" | "images" | "model" | "cwd" | "args">,
  env: Readonly<Record<string, string>>,
): Result<HeadlessPlan> {
  const template = type.argv ?? [];
  const flags = type.image_flag === undefined ? [] : flagged(type.image_flag, images);
  const prompt = type.image_flag === undefined ? named(asked, images) : asked;
  const hasPlace = template.some((argument) => argument.includes("{{prompt}}"));
  const onStdin = type.prompt === "stdin" || (type.prompt === undefined && !hasPlace);
  const filled = fillTemplate(template, { workspace: cwd, model, prompt: onStdin ? undefined : prompt });
  const argv = [...filled, ...flags, ...(onStdin || hasPlace ? [] : [prompt]), ...args];
  for (const argument of argv) {
    const fits = fitsArgument(`The type '${type.slug}'`, argument);
    if (!fits.ok) return fits;
  }
  return ok({ argv, env, ...(onStdin ? { stdin: prompt } : {}) });
}

/** A refusal of the plan as the reason of the attempt that could not begin. */
export function launchReason({ code, detail, hint }: MaestroError): TaskReason {
  return { code: isReason(code) ? code : "spawn_failed", detail: detail.slice(0, 2048), ...(hint === undefined ? {} : { hint }) };
}

const isReason = (code: string): code is TaskReasonCode => Object.hasOwn(TASK_REASONS, code);
