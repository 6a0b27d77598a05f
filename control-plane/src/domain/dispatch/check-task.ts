/** What a task may say of itself, before anybody is asked: each mistake with its field. */
import { isDeniedEnv } from "@maestro/shared/contract/check-agent-type";
import { FORWARDABLE_ENV } from "@maestro/shared/contract/state";
import type { TaskBody } from "@maestro/shared/contract/tasks";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { idKind } from "@maestro/shared/ids";
import { MAX_PROMPT_CHARS, MAX_SEALED_BYTES } from "@maestro/shared/limits";
import { err, ok, type Result } from "@maestro/shared/result";
import { checkEnv, checkPath } from "../fleet/launch.ts";
import { utf8Bytes } from "../state/entry.ts";

/** @param forwardable names that this deployment lets callers bring beside the usual ones. */
export function checkTask(body: TaskBody, forwardable: readonly string[] = []): Result<TaskBody> {
  const problem =
    nulIn(body, "") ?? kindProblem(body) ?? idProblem(body) ?? envProblem(body, forwardable) ?? workspaceProblem(body) ?? ruleProblem(body);
  return problem === undefined ? ok(body) : err(problem);
}

export const promptTooLarge = (detail: string): MaestroError =>
  maestroError("prompt_too_large", detail, {
    field: "prompt",
    hint: `At most ${MAX_PROMPT_CHARS} characters; put the rest into a file of the workspace and name it.`,
  });

function nulIn(value: unknown, field: string): MaestroError | undefined {
  if (typeof value === "string")
    return value.includes("\0") ? maestroError("nul_byte", `'${field}' contains a NUL byte.`, { field, hint: "Leave it out." }) : undefined;
  if (Array.isArray(value)) return first(value.map((one, i) => () => nulIn(one, `${field}[${i}]`)));
  if (typeof value !== "object" || value === null) return undefined;
  return first(
    Object.entries(value).map(
      ([name, one]) =>
        () =>
          nulIn(one, field === "" ? name : `${field}.${name}`),
    ),
  );
}

function kindProblem({ prompt, command, images, resumeSession, model, mode, permissions }: TaskBody): MaestroError | undefined {
  if (prompt === undefined && command === undefined)
    return maestroError("field_missing", "Neither prompt nor command is given.", { field: "prompt", hint: "Give exactly one of them." });
  if (prompt !== undefined && command !== undefined)
    return maestroError("field_invalid", "Both prompt and command are given.", { field: "command", hint: "Give exactly one of them." });
  if (prompt !== undefined)
    return prompt.trim() === ""
      ? maestroError("field_invalid", "The prompt is blank.", { field: "prompt", hint: "Say what is to be done." })
      : undefined;
  if (command?.[0]?.trim() === "")
    return maestroError("field_invalid", "The command names no program.", { field: "command[0]", hint: "Give the program first." });
  const [field] = Object.entries({ images, model, mode, permissions, resumeSession }).flatMap(([name, value]) =>
    value === undefined ? [] : [name],
  );
  return field === undefined
    ? undefined
    : maestroError("field_invalid", `'${field}' is for prompts; a command has no agent that reads it.`, { field, hint: "Leave it out." });
}

/** A name of one's own must not read as an id that was made. */
function idProblem({ id }: TaskBody): MaestroError | undefined {
  if (id === undefined || idKind(id) === undefined) return undefined;
  return maestroError("field_invalid", `'${id}' reads like an id that was made here.`, {
    field: "id",
    hint: "Choose another, such as build-12.",
  });
}

function envProblem(body: TaskBody, forwardable: readonly string[]): MaestroError | undefined {
  const { env = {}, credentials = {}, secrets = [], hostEnv = [] } = body;
  const plain = checkEnv(env);
  if (!plain.ok) return plain.error;
  const allowed: readonly string[] = [...FORWARDABLE_ENV, ...forwardable];
  const named = [
    ...Object.keys(env).map((name) => ({ name, field: `env.${name}` })),
    ...Object.keys(credentials).map((name) => ({ name, field: `credentials.${name}` })),
    ...secrets.map((name, i) => ({ name, field: `secrets[${i}]` })),
    ...hostEnv.map((name, i) => ({ name, field: `hostEnv[${i}]` })),
  ];
  const seen = new Set<string>();
  for (const { name, field } of named) {
    if (isDeniedEnv(name)) return denied(name, field, "It would change what other programs do; set it in the agent's own configuration.");
    if (name.startsWith("MAESTRO_")) return denied(name, field, "Names that begin with MAESTRO_ are set by Maestro itself.");
    if (field.startsWith("env.") && allowed.includes(name)) return plainCredential(name, field);
    if (field.startsWith("credentials.") && !allowed.includes(name))
      return denied(
        name,
        field,
        `From a caller's environment are taken: ${allowed.join(", ")}. Others can be secrets: maestro secret set ${name}`,
      );
    if (seen.has(name)) return maestroError("field_invalid", `${name} is given twice.`, { field, hint: "Give each name in one place." });
    seen.add(name);
  }
  const bytes = Object.entries(credentials).reduce((sum, [name, value]) => sum + utf8Bytes(name) + utf8Bytes(value), 0);
  return bytes <= MAX_SEALED_BYTES
    ? undefined
    : maestroError("value_too_large", `The credentials have ${bytes} bytes together.`, {
        field: "credentials",
        hint: `At most ${MAX_SEALED_BYTES} bytes.`,
      });
}

const denied = (name: string, field: string, hint: string): MaestroError =>
  maestroError("env_denied", `The environment name ${name} is not forwarded.`, { field, hint });

/** [TK5] `env` is kept as it stands, for as long as the task is. */
const plainCredential = (name: string, field: string): MaestroError =>
  maestroError("env_denied", `${name} is a credential, and a plain variable is kept as it stands.`, {
    field,
    hint: `Leave the value out (--env ${name}) and it is taken from your environment and sealed; or keep it as a secret: maestro secret set ${name}`,
  });

function workspaceProblem({ workspace, cwd, repository }: TaskBody): MaestroError | undefined {
  if (repository !== undefined && workspace?.mode === "worktree")
    return maestroError("field_invalid", "Both a repository to clone and a worktree of one are asked for.", {
      field: "repository",
      hint: "Leave one of them out.",
    });
  const path = pathOf(workspace);
  if (path !== undefined) {
    const checked = checkPath(path.path, path.field);
    if (!checked.ok) return checked.error;
  }
  if (workspace?.mode === "worktree" && workspace.branch !== undefined && !BRANCH.test(workspace.branch))
    return maestroError("field_invalid", "'workspace.branch' is no name of a branch.", {
      field: "workspace.branch",
      hint: "For example maestro/fix-12.",
    });
  if (cwd === undefined) return undefined;
  if (cwd.startsWith("/") || cwd.startsWith("~"))
    return outside(`'${cwd.slice(0, 128)}' is not relative.`, "cwd", "Give a directory inside the workspace.");
  return resolvePath(`/${cwd}`).climbed
    ? outside(`'${cwd.slice(0, 128)}' leads out of the workspace.`, "cwd", "Give a directory inside the workspace.")
    : undefined;
}

/** What git takes for sure, and no option of it. */
const BRANCH = /^(?![-/.])(?!.*(?:\.\.|\/\/|@\{|\.lock(?:\/|$)|\/\.))[^\s~^:?*[\\\u0000-\u001f\u007f]+(?<![/.])$/;

/** The directory of the host that a task names. */
export function pathOf(workspace: TaskBody["workspace"]): { path: string; field: string } | undefined {
  switch (workspace?.mode) {
    case "path":
      return { path: workspace.path, field: "workspace.path" };
    case "worktree":
      return { path: workspace.repo, field: "workspace.repo" };
    case "default":
    case undefined:
      return undefined;
  }
}

/** As far as it can be seen from here: where links lead, the host says. @param roots that it told; none: it has not yet. */
export function checkRoots(workspace: TaskBody["workspace"], host: { name: string; roots: readonly string[] }): Result<void> {
  const named = pathOf(workspace);
  // `~` is somebody's home there; nobody here knows where that is.
  if (named === undefined || host.roots.length === 0 || named.path.startsWith("~")) return ok(undefined);
  const { path } = resolvePath(named.path);
  if (host.roots.some((root) => path === root || path.startsWith(root.endsWith("/") ? root : `${root}/`))) return ok(undefined);
  return err(
    outside(
      `'${named.path.slice(0, 128)}' is outside the roots of host '${host.name}'.`,
      named.field,
      `Inside one of ${host.roots.join(", ")}.`,
    ),
  );
}

const outside = (detail: string, field: string, hint: string): MaestroError => maestroError("path_outside_roots", detail, { field, hint });

/** `climbed`: it went above where it began. */
function resolvePath(path: string): { path: string; climbed: boolean } {
  const parts: string[] = [];
  let climbed = false;
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) climbed = true;
  }
  return { path: `/${parts.join("/")}`, climbed };
}

function ruleProblem({ onLost, idempotent, heartbeatTimeoutMs, timeoutMs }: TaskBody): MaestroError | undefined {
  if (onLost === "retry" && idempotent !== true)
    return maestroError("field_invalid", "A lost task is only run again when that does no harm.", {
      field: "onLost",
      hint: "Say that it is idempotent, or choose wait or fail.",
    });
  return heartbeatTimeoutMs === undefined || timeoutMs === undefined || heartbeatTimeoutMs <= timeoutMs
    ? undefined
    : maestroError("field_invalid", "The heartbeat timeout is longer than the timeout.", {
        field: "heartbeatTimeoutMs",
        hint: `At most ${timeoutMs}.`,
      });
}

function first(checks: readonly (() => MaestroError | undefined)[]): MaestroError | undefined {
  for (const check of checks) {
    const problem = check();
    if (problem !== undefined) return problem;
  }
  return undefined;
}
