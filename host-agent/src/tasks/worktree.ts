/** A git worktree per task, on a branch of its own, and taking it away without losing work. */
import { realpathSync, statSync } from "node:fs";
import * as path from "node:path";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { err, ok, type Result } from "@maestro/shared/result";
import { git } from "./git.ts";

export interface Worktree {
  /** The repository's top directory. */
  repo: string;
  branch: string;
  /** It was made here. */
  ownBranch: boolean;
}

type Env = Readonly<Record<string, string>>;

/**
 * @param dir where it goes; there already, and a worktree of this repository, it is used as it is.
 * @param branch `ownName`: named after the task by us. Of one that somebody named, a second attempt cannot tell whether the
 * first one made it, and it stays.
 */
export async function addWorktree(
  repo: string,
  dir: string,
  { name: branch, ownName }: { name: string; ownName: boolean },
  env: Env,
): Promise<Result<Worktree>> {
  const top = await git(repo, ["rev-parse", "--show-toplevel"], env);
  if (!top.ok)
    return err(
      top.missing
        ? refuse("git is not installed on this host.", "Install git there.")
        : refuse(`'${repo}' is no git repository: ${top.problem}.`, "Name the directory of a clone on the host."),
    );
  const root = top.out.trim();
  const valid = await git(root, ["check-ref-format", "--branch", branch], env);
  if (branch.startsWith("-") || !valid.ok) return err(refuse(`'${branch}' cannot name a branch.`, "For example maestro/fix-1.", "branch"));
  const existing = await existingWorktree(root, dir, env);
  if (existing !== undefined) return ok({ repo: root, branch: existing, ownBranch: ownName && existing === branch });
  const known = await git(root, ["rev-parse", "--verify", "--quiet", `refs/heads/${branch}`], env);
  // Of a worktree whose directory was deleted by hand.
  await git(root, ["worktree", "prune"], env);
  const added = await git(
    root,
    known.ok ? ["worktree", "add", "--quiet", dir, branch] : ["worktree", "add", "--quiet", "-b", branch, dir],
    env,
  );
  if (!added.ok) return err(refuse(`git cannot make the worktree: ${added.problem}.`, "The branch may be in use in another worktree."));
  return ok({ repo: root, branch, ownBranch: !known.ok });
}

export type Removal = { outcome: "removed" | "absent" } | { outcome: "kept"; detail: string };

/** Kept with what only it has: changes that are not committed, commits that no other branch holds. */
export async function removeWorktree(dir: string, { repo, branch, ownBranch }: Worktree, env: Env): Promise<Removal> {
  if (statSync(dir, { throwIfNoEntry: false }) === undefined) {
    await git(repo, ["worktree", "prune"], env);
    return { outcome: "absent" };
  }
  const dirty = await git(dir, ["status", "--porcelain", "--untracked-files=all"], env);
  if (!dirty.ok) return { outcome: "kept", detail: `git cannot say whether work would be lost: ${dirty.problem}.` };
  const changed = dirty.out.split("\n").filter((line) => line !== "").length;
  if (changed > 0) return { outcome: "kept", detail: `${changed} changed or new file(s) in '${dir}' are not committed.` };
  const head = await git(dir, ["rev-parse", "--abbrev-ref", "HEAD"], env);
  const own = head.ok ? head.out.trim() : branch;
  const ahead = await git(dir, ["rev-list", "--count", "HEAD", "--not", `--exclude=${own}`, "--branches", "--remotes", "--tags"], env);
  if (!ahead.ok) return { outcome: "kept", detail: `git cannot say whether commits would be lost: ${ahead.problem}.` };
  const commits = Number(ahead.out.trim());
  if (commits > 0) return { outcome: "kept", detail: `${commits} commit(s) on '${own}' are on no other branch and were not pushed.` };
  const removed = await git(repo, ["worktree", "remove", dir], env);
  if (!removed.ok) return { outcome: "kept", detail: `git does not remove it: ${removed.problem}.` };
  if (ownBranch && own === branch) await git(repo, ["branch", "--quiet", "-D", branch], env);
  return { outcome: "removed" };
}

/** Files of ours that are no work of anybody's. */
export async function excludeFile(dir: string, env: Env): Promise<string | undefined> {
  const found = await git(dir, ["rev-parse", "--git-path", "info/exclude"], env);
  return found.ok ? path.resolve(dir, found.out.trim()) : undefined;
}

/** Its branch, when `dir` is a worktree of this repository. */
async function existingWorktree(root: string, dir: string, env: Env): Promise<string | undefined> {
  if (statSync(path.join(dir, ".git"), { throwIfNoEntry: false }) === undefined) return undefined;
  const list = await git(root, ["worktree", "list", "--porcelain"], env);
  if (!list.ok) return undefined;
  const real = realpathSync(dir);
  const block = list.out.split("\n\n").find((text) => text.split("\n")[0] === `worktree ${real}`);
  return block === undefined ? undefined : (/^branch refs\/heads\/(.+)$/m.exec(block)?.[1] ?? "HEAD");
}

const refuse = (detail: string, hint: string, field = "workspace"): MaestroError =>
  maestroError("workspace_error", detail, { field, hint });
