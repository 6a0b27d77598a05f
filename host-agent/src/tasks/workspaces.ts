/** Where an attempt works: made for it, or given; and taken away again without taking what is not ours. */
import { appendFileSync, lstatSync, mkdirSync, readFileSync, readlinkSync, rmSync, statSync, symlinkSync, unlinkSync } from "node:fs";
import * as path from "node:path";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import type { AttemptSpec } from "@maestro/shared/protocol/tasks";
import { err, ok, type Result } from "@maestro/shared/result";
import { errnoOf } from "../daemon/durable-file.ts";
import { ensureWorkspace, isInside, realIfThere, resolveWorkspace, type WorkspaceRules } from "../daemon/workspace.ts";
import type { LaunchNote } from "./attempt-files.ts";
import { copyTemplate } from "./template.ts";
import { addWorktree, excludeFile, removeWorktree, type Removal } from "./worktree.ts";

export interface WorkspacePlace {
  rules: WorkspaceRules;
  /** MAESTRO_WORKSPACE_ROOT */
  root: string;
  env: Readonly<Record<string, string>>;
}

export interface PreparedWorkspace extends Pick<LaunchNote, "workspace" | "kind" | "repo" | "branch" | "ownBranch"> {
  cwd: string;
}

const LOG_LINK = "agent.log";
const NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;

/** `<root>/<agent>/<task>`: the workspace, or at least the place of the link to the log. */
export function taskDir({ agent, task }: Pick<AttemptSpec, "agent" | "task">, root: string): Result<string> {
  const owner = agent?.id ?? "commands";
  return NAME.test(owner) && NAME.test(task)
    ? ok(path.join(root, owner, task))
    : err(maestroError("workspace_error", "The ids of the task make no directory.", { field: "task" }));
}

/** Every refusal that needs nothing to be made. */
export function refuseWorkspace(spec: AttemptSpec, { rules, root }: WorkspacePlace): MaestroError | undefined {
  const dir = taskDir(spec, root);
  if (!dir.ok) return dir.error;
  const { workspace } = spec;
  const asked = workspace.mode === "path" ? [workspace.path] : workspace.mode === "worktree" ? [workspace.repo, dir.value] : [dir.value];
  for (const one of asked) {
    const resolved = resolveWorkspace(one, rules);
    if (!resolved.ok) return { ...resolved.error, field: "workspace" };
  }
  const absolute = spec.cwd !== undefined && path.isAbsolute(spec.cwd) ? resolveWorkspace(spec.cwd, rules) : undefined;
  return absolute?.ok === false ? { ...absolute.error, field: "cwd" } : undefined;
}

/** The same, where to prepare it does not begin with the same look: that takes longer than all else of a start. */
export function refuseBeforePreparing(spec: AttemptSpec, place: WorkspacePlace): MaestroError | undefined {
  const isJudgedAnyway = spec.workspace.mode === "default" && (spec.cwd === undefined || !path.isAbsolute(spec.cwd));
  return isJudgedAnyway ? undefined : refuseWorkspace(spec, place);
}

/** Where it will be, where that can be told before anything is made or looked at. */
export function foreseeWorkspace(spec: AttemptSpec, { root }: WorkspacePlace): Pick<PreparedWorkspace, "workspace" | "kind"> | undefined {
  const { workspace } = spec;
  switch (workspace.mode) {
    case "path":
      return { kind: "path", workspace: workspace.path };
    case "default": {
      const dir = taskDir(spec, root);
      return dir.ok ? { kind: "default", workspace: dir.value } : undefined;
    }
    case "worktree":
      return undefined;
  }
}

/** @param log the attempt's log file, for the link that always leads to the latest. */
export async function prepareWorkspace(
  spec: AttemptSpec,
  template: string | undefined,
  log: string,
  place: WorkspacePlace,
): Promise<Result<PreparedWorkspace>> {
  const made = await makeLinked(spec, template, log, place);
  if (!made.ok) return made;
  if (made.value.kind !== "path") await keepOutOfGit(made.value.workspace, place.env);
  // Of a repository that is yet to be cloned it is looked for then.
  const below = spec.repository === undefined ? spec.cwd : undefined;
  const cwd = resolveCwd(below, made.value.workspace, place.rules);
  return cwd.ok ? ok({ ...made.value, cwd: cwd.value }) : cwd;
}

/** For a container that sees nothing else of this machine: what lies there is its work, and no git of ours reads it. */
export async function prepareContained(
  spec: AttemptSpec,
  template: string | undefined,
  log: string,
  place: WorkspacePlace,
): Promise<Result<Pick<PreparedWorkspace, "workspace" | "kind">>> {
  const refusal = refuseContained(spec, place);
  if (refusal !== undefined) return err(refusal);
  const made = await makeLinked(spec, template, log, place);
  return made.ok ? ok({ workspace: made.value.workspace, kind: made.value.kind }) : made;
}

async function makeLinked(
  spec: AttemptSpec,
  template: string | undefined,
  log: string,
  place: WorkspacePlace,
): Promise<Result<Omit<PreparedWorkspace, "cwd">>> {
  const dir = taskDir(spec, place.root);
  if (!dir.ok) return dir;
  const made = await make(spec, dir.value, template, place);
  if (!made.ok) return made;
  // Beside a directory that was given the link has a place of its own.
  const at = made.value.kind === "path" ? ensureWorkspace(dir.value, place.rules) : ok({ path: made.value.workspace });
  if (!at.ok) return at;
  const linked = linkLog(at.value.path, log);
  return linked.ok ? made : linked;
}

/** Nothing of the daemon's own is shown to it. */
export function refuseContained(spec: AttemptSpec, place: WorkspacePlace): MaestroError | undefined {
  const refusal = refuseWorkspace({ ...spec, cwd: undefined }, place);
  return refusal !== undefined || spec.workspace.mode !== "path" ? refusal : refuseShown(spec.workspace.path, place.rules);
}

/** A directory that a container would see, with all that is in it. */
export function refuseShown(dir: string, rules: WorkspaceRules): MaestroError | undefined {
  const resolved = resolveWorkspace(dir, rules);
  if (!resolved.ok) return { ...resolved.error, field: "workspace" };
  const held = rules.forbidden.find((own) => isInside(realIfThere(own), resolved.value));
  return held === undefined
    ? undefined
    : maestroError(
        "path_outside_roots",
        `'${resolved.value}' holds Maestro's own directory ${held}, which would be seen in the container.`,
        {
          field: "workspace",
          hint: "Choose a directory of the project.",
        },
      );
}

async function make(
  { workspace, task }: AttemptSpec,
  dir: string,
  template: string | undefined,
  { rules, env }: WorkspacePlace,
): Promise<Result<Omit<PreparedWorkspace, "cwd">>> {
  switch (workspace.mode) {
    case "default": {
      const made = ensureWorkspace(dir, rules);
      if (!made.ok) return err({ ...made.error, field: "workspace" });
      if (made.value.created && template !== undefined) {
        const copied = await copyTemplate(template, made.value.path, rules);
        if (!copied.ok) {
          // The next attempt must not find half of it and take it for whole.
          rmSync(made.value.path, { recursive: true, force: true });
          return copied;
        }
      }
      return ok({ workspace: made.value.path, kind: "default" });
    }
    case "path": {
      const made = ensureWorkspace(workspace.path, rules);
      return made.ok ? ok({ workspace: made.value.path, kind: "path" }) : err({ ...made.error, field: "workspace" });
    }
    case "worktree": {
      const repo = resolveWorkspace(workspace.repo, rules);
      if (!repo.ok) return err({ ...repo.error, field: "workspace" });
      if (statSync(repo.value, { throwIfNoEntry: false })?.isDirectory() !== true)
        return err(maestroError("workspace_error", `The repository '${repo.value}' is not there.`, { field: "workspace" }));
      const target = resolveWorkspace(dir, rules);
      if (!target.ok) return target;
      const parent = ensureWorkspace(path.dirname(target.value), rules);
      if (!parent.ok) return parent;
      const branch = { name: workspace.branch ?? `maestro/${task}`, ownName: workspace.branch === undefined };
      const added = await addWorktree(repo.value, target.value, branch, env);
      return added.ok ? ok({ workspace: target.value, kind: "worktree", ...added.value }) : added;
    }
  }
}

function resolveCwd(cwd: string | undefined, workspace: string, rules: WorkspaceRules): Result<string> {
  if (cwd === undefined) return ok(workspace);
  const resolved = resolveWorkspace(path.resolve(workspace, cwd), rules);
  if (!resolved.ok) return err({ ...resolved.error, field: "cwd" });
  if (!path.isAbsolute(cwd) && resolved.value !== workspace && !resolved.value.startsWith(`${workspace}/`))
    return err(
      maestroError("path_outside_roots", `'${cwd}' leads out of the workspace, to ${resolved.value}.`, {
        field: "cwd",
        hint: "Name a directory inside the workspace, or an absolute one.",
      }),
    );
  return statSync(resolved.value, { throwIfNoEntry: false })?.isDirectory() === true
    ? ok(resolved.value)
    : err(maestroError("workspace_error", `The directory '${resolved.value}' is not there.`, { field: "cwd" }));
}

/** A file of that name that somebody wrote stays. */
function linkLog(dir: string, log: string): Result<void> {
  const link = path.join(dir, LOG_LINK);
  try {
    const there = lstatSync(link, { throwIfNoEntry: false });
    if (there !== undefined && !there.isSymbolicLink()) return ok(undefined);
    if (there !== undefined && readlinkSync(link) === log) return ok(undefined);
    if (there !== undefined) unlinkSync(link);
    symlinkSync(log, link);
    return ok(undefined);
  } catch (cause) {
    const code = errnoOf(cause);
    return err(
      code === "ENOSPC" || code === "EDQUOT"
        ? maestroError("disk_full", `No space left in '${dir}'.`, { field: "workspace" })
        : maestroError("workspace_error", `'${dir}' cannot be written to (${code ?? "unknown reason"}).`, { field: "workspace" }),
    );
  }
}

async function keepOutOfGit(workspace: string, env: WorkspacePlace["env"]): Promise<void> {
  if (lstatSync(path.join(workspace, ".git"), { throwIfNoEntry: false }) === undefined) return;
  const file = await excludeFile(workspace, env);
  if (file === undefined) return;
  try {
    const text = readIfThere(file);
    if (text.split("\n").includes(`/${LOG_LINK}`)) return;
    mkdirSync(path.dirname(file), { recursive: true });
    appendFileSync(file, `${text === "" || text.endsWith("\n") ? "" : "\n"}/${LOG_LINK}\n`);
  } catch {
    // The link then shows as a new file: a blemish, and no reason not to work.
  }
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

/** What was made for the task goes; a directory that somebody named stays. */
export async function removeWorkspace(note: LaunchNote, spec: AttemptSpec, place: WorkspacePlace): Promise<Removal> {
  const dir = taskDir(spec, place.root);
  if (!dir.ok) return { outcome: "kept", detail: dir.error.detail };
  switch (note.kind) {
    case "path":
      removeDir(dir.value, place);
      return statSync(note.workspace, { throwIfNoEntry: false }) === undefined
        ? { outcome: "absent" }
        : { outcome: "kept", detail: `'${note.workspace}' was given with the task, not made for it: it may hold other work, and stays.` };
    case "worktree": {
      const { repo, branch } = note;
      if (repo === undefined || branch === undefined) return { outcome: "kept", detail: "Its repository is not known any more." };
      const elsewhere = leadsElsewhere(note.workspace, note.workspace, place.rules);
      return elsewhere ?? removeWorktree(note.workspace, { repo, branch, ownBranch: note.ownBranch ?? false }, place.env);
    }
    case "default":
      // What the note says is what was made; it must still be where such things are made.
      return removeDir(dir.value, place);
  }
}

function removeDir(dir: string, { rules, root }: WorkspacePlace): Removal {
  const realRoot = resolveWorkspace(root, rules);
  if (!realRoot.ok) return { outcome: "kept", detail: realRoot.error.detail };
  const own = path.join(realRoot.value, path.relative(root, dir));
  const elsewhere = leadsElsewhere(dir, own, rules);
  if (elsewhere !== undefined) return elsewhere;
  if (statSync(own, { throwIfNoEntry: false }) === undefined) return { outcome: "absent" };
  try {
    rmSync(own, { recursive: true, force: true, maxRetries: 3 });
  } catch (cause) {
    return { outcome: "kept", detail: `'${dir}' cannot be removed (${errnoOf(cause) ?? "unknown reason"}).` };
  }
  return { outcome: "removed" };
}

/** Whoever worked there may have put a link in its place: what that leads to was not made here. */
function leadsElsewhere(dir: string, own: string, rules: WorkspaceRules): Removal | undefined {
  const resolved = resolveWorkspace(dir, rules);
  if (!resolved.ok) return { outcome: "kept", detail: resolved.error.detail };
  return resolved.value === own
    ? undefined
    : { outcome: "kept", detail: `'${dir}' is no directory of its own any more: it leads to '${resolved.value}'.` };
}
