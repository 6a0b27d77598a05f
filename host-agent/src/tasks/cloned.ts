/**
 * [DISP9] [DISP11] A repository that is cloned, or fetched once more, into `repo` of the workspace before the task's program begins there:
 * within the attempt, so that its words are in the log, and its time, its end and its cancellation are the attempt's.
 */
import * as path from "node:path";
import type { AttemptSpec } from "@maestro/shared/protocol/tasks";

/** Of its last commits, as the remote dispatch that people know it from takes. */
const DEPTH = 50;

/** Nothing of it asks anybody anything, and nothing reads the prompt: that is the program's. */
const SCRIPT = String.raw`
url=$1 branch=$2 below=$3
shift 3
fail() {
  printf 'maestro: %s\n' "$1" >&2
  exit 125
}
command -v git >/dev/null 2>&1 || fail "git is not installed here, and the task needs $url"
GIT_TERMINAL_PROMPT=0 GIT_ALLOW_PROTOCOL=https:http:ssh:git:file
: "${"$"}{GIT_SSH_COMMAND=ssh -o BatchMode=yes}"
export GIT_TERMINAL_PROMPT GIT_ALLOW_PROTOCOL GIT_SSH_COMMAND
quietly() {
  case $url in
    https://github.com/*)
      if [ -n "${"$"}{GH_TOKEN:-${"$"}{GITHUB_TOKEN:-}}" ]; then
        git -c credential.helper= -c 'credential.helper=!f() { printf "username=x-access-token\npassword=%s\n" "${"$"}{GH_TOKEN:-$GITHUB_TOKEN}"; }; f' "$@" </dev/null
        return
      fi
      ;;
  esac
  git "$@" </dev/null
}
if [ -e repo/.git ]; then
  quietly -C repo fetch --depth ${DEPTH} -- origin >&2 || fail "$url cannot be fetched"
else
  rm -rf repo.part
  quietly clone --depth ${DEPTH} --no-single-branch -- "$url" repo.part >&2 || fail "$url cannot be cloned"
  mv repo.part repo || fail "the clone cannot be put in its place"
fi
cd repo || exit 125
if git rev-parse --verify --quiet "refs/heads/$branch" >/dev/null; then git checkout --quiet "$branch" -- </dev/null >&2
elif git rev-parse --verify --quiet "refs/remotes/origin/$branch" >/dev/null; then git checkout --quiet --track -b "$branch" "origin/$branch" </dev/null >&2
else git checkout --quiet -b "$branch" </dev/null >&2; fi || fail "the branch $branch cannot be checked out"
cd "./$below" || fail "the repository has no directory $below"
PWD=$(pwd)
export PWD
exec "$@"
`;

export const branchOf = ({ repository, task }: Pick<AttemptSpec, "repository" | "task">): string | undefined =>
  repository === undefined ? undefined : (repository.branch ?? `maestro/${task}`);

/** Where the program works. @param workspace of the attempt, absolute. */
export const workingDirectory = (spec: AttemptSpec, workspace: string): string =>
  spec.repository === undefined ? workspace : path.posix.join(workspace, "repo", spec.cwd ?? "");

/** argv of what clones first. */
export function cloned(argv: readonly string[], spec: AttemptSpec): readonly string[] {
  const branch = branchOf(spec);
  if (spec.repository === undefined || branch === undefined) return argv;
  return ["/bin/sh", "-c", SCRIPT, "clone", spec.repository.url, branch, spec.cwd ?? ".", ...argv];
}
