/** [DISP9] `--repo .`: the repository of the git checkout here, as a task elsewhere can clone it. */
import { execFile } from "node:child_process";
import * as path from "node:path";
import { fail, maestroError } from "@maestro/shared/errors";
import { err, ok, type Result } from "@maestro/shared/result";
import { escapeUnsafe } from "@maestro/shared/sanitize";
import { errnoOf } from "../../daemon/durable-file.ts";
import type { Context } from "../context.ts";
import type { Io } from "../io.ts";
import { thisHost } from "../this-host.ts";
import { unwrap } from "../unwrap.ts";

export interface Checkout {
  /** Its directory, absolute. */
  top: string;
  /** Undefined: HEAD is on none. */
  branch: string | undefined;
  remote: { name: string; url: string } | undefined;
  /** What the remote's HEAD is, as far as it is known here. */
  defaultBranch: string | undefined;
  /** Commits that the branch has and the remote's has not; undefined: there is none of the remote's. */
  ahead: number | undefined;
  /** Files that are changed or new, and in no commit. */
  changed: number;
}

interface Chosen {
  url: string;
  branch?: string;
  /** `url` is a directory of this machine. */
  isHere: boolean;
  /** What the task will not get, for the person. */
  notes: string[];
}

/** `.` and what begins with it; anything else is the address of a repository. */
const isCheckout = (repo: string): boolean => /^\.{1,2}(?:\/|$)/.test(repo);

/**
 * On the remote's default branch the task gets one of its own, as with every clone; on another one it goes on there.
 * @param wanted the branch that was asked for.
 */
export function chooseRepository(
  given: string,
  { top, branch, remote, defaultBranch, ahead, changed }: Checkout,
  wanted: string | undefined,
): Result<Chosen> {
  if (remote === undefined)
    return refuse(
      `The checkout ${top} has no remote that a task could clone.`,
      "git remote add origin <url>, then push; or give the address: --repo <url>",
    );
  const { url, isHere, hadCredential } = addressOf(remote.url, top);
  const notes = hadCredential ? [`The credential in the address of '${remote.name}' is left out: forward one with --env GH_TOKEN.`] : [];
  if (wanted !== undefined) return ok({ url, branch: wanted, isHere, notes });
  if (branch === undefined) return refuse(`The checkout ${top} is on no branch.`, `Say which one: --repo ${given} --branch <name>`);
  if (ahead === undefined)
    return refuse(
      `Branch '${branch}' is not on '${remote.name}', so nothing elsewhere could clone it.`,
      `git push -u ${remote.name} ${branch}, or another one: --branch <name>`,
    );
  if (ahead > 0)
    notes.push(
      `${counted(ahead, "commit")} of '${branch}' ${ahead === 1 ? "is" : "are"} not pushed: the task does not get ${ahead === 1 ? "it" : "them"}.`,
    );
  if (changed > 0)
    notes.push(
      `${counted(changed, "file")} here ${changed === 1 ? "is" : "are"} in no commit: the task does not get ${changed === 1 ? "it" : "them"}.`,
    );
  return ok({ url, ...(branch === defaultBranch ? {} : { branch }), isHere, notes });
}

const counted = (count: number, word: string): string => `${count} ${word}${count === 1 ? "" : "s"}`;

/** Credentials stay here, and a directory is told as whoever is asked to clone it sees it. */
function addressOf(url: string, top: string): { url: string; isHere: boolean; hadCredential: boolean } {
  const bare = url.replace(/^(https?:\/\/)[^/@]*@/i, "$1");
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(bare)) return { url: bare, isHere: /^file:/i.test(bare), hadCredential: bare !== url };
  // `host:path`; a colon behind a slash is of a directory's name.
  if (/^[^/]*:/.test(bare)) return { url: bare, isHere: false, hadCredential: false };
  return { url: path.resolve(top, bare), isHere: true, hadCredential: false };
}

const refuse = (detail: string, hint: string): Result<never> => err(maestroError("field_invalid", detail, { field: "repo", hint }));

/**
 * What `--repo` stands for. Notes go to standard error whoever reads the answer: they are about work that would be missed.
 * @param runsHere whether the task surely runs on this machine, by this host's id.
 */
export async function repositoryFor(
  context: Context,
  repo: string | undefined,
  branch: string | undefined,
  runsHere: (here: string) => Promise<boolean>,
): Promise<{ url: string; branch?: string } | undefined> {
  if (repo === undefined) return undefined;
  if (!isCheckout(repo)) return { url: repo, ...(branch === undefined ? {} : { branch }) };
  const { io, paths } = context;
  const { isHere, notes, ...repository } = unwrap(chooseRepository(repo, await readCheckout(path.resolve(io.cwd, repo), io.env), branch));
  const here = thisHost(paths);
  if (isHere && (here === undefined || !(await runsHere(here.hostId))))
    throw fail(
      "field_invalid",
      `What '${repo}' was cloned from, ${repository.url}, is on this machine, and the task may run on another one.`,
      {
        field: "repo",
        hint: "Name this host (--host), or the address of a repository that is reached from there.",
      },
    );
  for (const note of notes) io.stderr.write(`${escapeUnsafe(note)}\n`);
  return repository;
}

/** Throws where `dir` is in no checkout, or git does not tell. */
async function readCheckout(dir: string, env: Io["env"]): Promise<Checkout> {
  const git = (...args: string[]): Promise<string> => runGit(["-C", dir, ...args], env);
  const ask = (...args: string[]): Promise<string | undefined> => git(...args).catch(() => undefined);
  const top = await git("rev-parse", "--show-toplevel").catch((cause: unknown) => {
    throw noCheckout(dir, cause);
  });
  const status = (await git("status", "--porcelain=v2", "--branch")).split("\n");
  const head = status.find((line) => line.startsWith("# branch.head "))?.slice("# branch.head ".length);
  const branch = head === "(detached)" ? undefined : head;
  const names = (await git("remote")).split("\n").filter((name) => name !== "");
  const own = branch === undefined ? undefined : await ask("config", `branch.${branch}.remote`);
  const name = [own, "origin", names.length === 1 ? names[0] : undefined].find((one) => one !== undefined && names.includes(one));
  const url = name === undefined ? undefined : await git("remote", "get-url", name);
  const defaultRef = name === undefined ? undefined : await ask("symbolic-ref", "--quiet", "--short", `refs/remotes/${name}/HEAD`);
  const ahead =
    name === undefined || branch === undefined ? undefined : await ask("rev-list", "--count", `refs/remotes/${name}/${branch}..HEAD`);
  return {
    top,
    branch,
    remote: name === undefined || url === undefined ? undefined : { name, url },
    defaultBranch: name === undefined ? undefined : defaultRef?.slice(name.length + 1),
    ahead: ahead === undefined ? undefined : Number(ahead),
    changed: status.filter((line) => line !== "" && !line.startsWith("#")).length,
  };
}

function noCheckout(dir: string, cause: unknown): Error {
  const isMissing = errnoOf(cause) === "ENOENT";
  const said = cause instanceof Error && "stderr" in cause ? String(cause.stderr).trim().slice(0, 512) : "";
  return fail(
    "field_invalid",
    isMissing ? "git is not installed here." : `${dir} is in no git checkout that can be read${said === "" ? "." : `: ${said}`}`,
    { field: "repo", hint: "Give the repository's address: --repo <url>" },
    cause,
  );
}

const runGit = (args: readonly string[], env: Io["env"]): Promise<string> =>
  new Promise((resolve, reject) => {
    const options = { env: { ...env, LC_ALL: "C", GIT_OPTIONAL_LOCKS: "0" }, maxBuffer: 64 * 1024 * 1024, timeout: 60_000 };
    execFile("git", [...args], options, (cause, stdout, stderr) => {
      if (cause === null) resolve(stdout.trimEnd());
      else reject(Object.assign(cause, { stderr }));
    });
  });
