/** What `task dispatch` was given, as the API takes it. */
import { readFileSync } from "node:fs";
import * as path from "node:path";
import { EnvName } from "@maestro/shared/contract/agent-types";
import type { TaskBody } from "@maestro/shared/contract/tasks";
import { fail, maestroError } from "@maestro/shared/errors";
import { MAX_PROMPT_CHARS, MAX_TASK_RETRIES, MAX_TASK_TIMEOUT_MS } from "@maestro/shared/limits";
import { err, ok, type Result } from "@maestro/shared/result";
import type * as z from "zod";
import { errnoOf } from "../../daemon/durable-file.ts";
import { flag, invalid, type FlagValues } from "../args/spec.ts";
import type { Io } from "../io.ts";

export type Body = z.input<typeof TaskBody>;

const MAX_SECONDS = MAX_TASK_TIMEOUT_MS / 1000;
const seconds = (about: string, example: number) => flag.integer(about, { min: 1, max: MAX_SECONDS, example, placeholder: "seconds" });

export const bodyFlags = {
  "prompt-file": flag.text("a file that holds the prompt, - for standard input", "file"),
  image: flag.each("an image that goes with the prompt: PNG, JPEG, GIF or WebP", "file", (text) => ok(text)),
  exec: flag.toggle("run the command after -- instead of asking an agent"),
  to: flag.list("agents by name, beginning of an id, or type: a,b; default: the only one", "a,b"),
  host: flag.text("where: a host by name or id", "host"),
  "host-label": flag.pairs("only on hosts with this label"),
  capability: flag.list("only where there is this: a type of agent, a tool such as git, what the agent's type names", "name"),
  timeout: seconds("from start to end; default 1800", 3600),
  "schedule-timeout": seconds("until it must have started; default: none", 600),
  "heartbeat-timeout": seconds("longest time without output; default: none", 300),
  "depends-on": flag.each("runs once that one succeeded; :completion or :failure for another end", "id", dependency),
  "if-failed": flag.choice("when what it depends on ends otherwise; default fail", ["fail", "run"]),
  id: flag.text("an id of your own", "id"),
  model: flag.text("the model that the agent's CLI shall use", "model"),
  mode: flag.text("the mode of the agent's CLI, where it has modes", "mode"),
  description: flag.text("a few words for lists", "text"),
  priority: flag.integer("1 is first; default 3", { min: 1, max: 5, example: 2, placeholder: "1-5" }),
  retries: flag.integer("how often it is tried again after a passing failure", { min: 0, max: MAX_TASK_RETRIES, example: 2 }),
  idempotent: flag.toggle("may run twice without harm"),
  "on-lost": flag.choice("when its host is lost; default wait", ["wait", "fail", "retry"]),
  env: flag.each("K takes the value from here, as a credential; K=V is no secret", "K[=V]", variable),
  "host-env": flag.list("a variable that the host takes from its own environment", "K"),
  secret: flag.list("a secret of the fleet, in the environment under its name", "S"),
  label: flag.pairs("labels; target=<host> says where"),
  "new-workspace": flag.toggle("in a new directory for this task alone, a copy of its agent type's template where that has one"),
  "to-workspace": flag.text("its directory on the host; a relative one is of this machine", "path"),
  worktree: flag.text("a git worktree of this repository on the host", "repo"),
  repo: flag.text("a repository that is cloned for it where it runs, and that it works in; . for that of the git checkout here", "url"),
  branch: flag.text(
    "of the worktree or the clone: taken if it is there, else made; default: maestro/<task>, of a checkout its own",
    "branch",
  ),
  container: flag.text("in this container of the host, which has to run; none: in none, where the host's record names one", "name"),
  "forward-agent": flag.toggle("on a host that is reached by ssh: it may use the ssh-agent of the host that reaches it"),
  group: flag.each("at most so many of a name run at once", "name:limit", group),
  trace: flag.toggle("stamp each line of its log"),
};
export type BodyFlags = FlagValues<typeof bodyFlags>;

export interface BodyInput {
  flags: BodyFlags;
  prompt: string | undefined;
  argv: readonly string[];
  images: Body["images"];
  env: Io["env"];
  /** Absolute on its host. */
  workspace: string | undefined;
  worktree: string | undefined;
  repository: Body["repository"];
}

export function taskBody({ flags, prompt, argv, images, env, workspace, worktree, repository }: BodyInput): Body {
  const to = flags.to
    .flatMap((text) => text.split(","))
    .map((name) => name.trim())
    .filter((name) => name !== "");
  const plain = flags.env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value] as const]));
  const credentials = flags.env.flatMap(({ name, value }) => (value === undefined ? [[name, taken(name, env)] as const] : []));
  const [limit] = flags.group.slice(-1);
  return {
    ...(prompt === undefined ? { command: [...argv] } : { prompt }),
    ...given("images", images),
    ...(to.length === 0 ? {} : { to }),
    ...on(flags, prompt === undefined && to.length === 0),
    ...milliseconds("timeoutMs", flags.timeout),
    ...milliseconds("scheduleTimeoutMs", flags["schedule-timeout"]),
    ...milliseconds("heartbeatTimeoutMs", flags["heartbeat-timeout"]),
    ...(flags["depends-on"].length === 0 ? {} : { dependsOn: [...flags["depends-on"]] }),
    ...given("ifFailed", flags["if-failed"]),
    ...given("id", flags.id),
    ...given("model", flags.model),
    ...given("mode", flags.mode),
    ...given("description", flags.description),
    ...given("priority", flags.priority),
    ...given("retries", flags.retries),
    ...(flags.idempotent ? { idempotent: true } : {}),
    ...given("onLost", flags["on-lost"]),
    ...(plain.length === 0 ? {} : { env: Object.fromEntries(plain) }),
    ...(credentials.length === 0 ? {} : { credentials: Object.fromEntries(credentials) }),
    ...(flags["host-env"].length === 0 ? {} : { hostEnv: [...flags["host-env"]] }),
    ...(flags.secret.length === 0 ? {} : { secrets: [...flags.secret] }),
    ...(Object.keys(flags.label).length === 0 ? {} : { labels: flags.label }),
    ...(flags["new-workspace"] ? { workspace: { mode: "default" } } : {}),
    ...(workspace === undefined ? {} : { workspace: { mode: "path", path: workspace } }),
    ...(worktree === undefined ? {} : { workspace: { mode: "worktree", repo: worktree, ...given("branch", flags.branch) } }),
    ...given("repository", repository),
    ...given("container", flags.container),
    ...(flags["forward-agent"] ? { forwardAgent: true } : {}),
    ...given("group", limit),
    ...(flags.trace ? { trace: true } : {}),
  };
}

/** @param free a command without an agent: it runs on any host where nothing is said. */
function on({ host, "host-label": labels, capability }: BodyFlags, free: boolean): Pick<Body, "on"> {
  const capabilities = capability.flatMap((text) => text.split(","));
  const selector = {
    ...given("host", host),
    ...(Object.keys(labels).length === 0 ? {} : { labels }),
    ...(capabilities.length === 0 ? {} : { capabilities }),
  };
  return free || Object.keys(selector).length > 0 ? { on: selector } : {};
}

/** Exactly one of a prompt, a file that holds it, and a command. */
export async function workOf(
  { flags, word, argv }: { flags: BodyFlags; word: string | undefined; argv: readonly string[] },
  io: Io,
): Promise<{ prompt: string | undefined; argv: readonly string[] }> {
  const file = flags["prompt-file"];
  const ways = [...(word === undefined ? [] : ["prompt"]), ...(file === undefined ? [] : ["prompt-file"]), ...(flags.exec ? ["exec"] : [])];
  if (ways.length > 1) {
    throw fail(
      "conflicting_flags",
      `${ways.map((way) => (way === "prompt" ? "A prompt" : `--${way}`)).join(" and ")} exclude each other.`,
      {
        field: ways.at(-1) ?? "",
        hint: "Give one of them.",
      },
    );
  }
  if (!flags.exec && argv.length > 0) {
    throw fail("usage", "What follows -- is a command, and those are run with --exec.", {
      field: "exec",
      hint: "For example: maestro task dispatch --exec -- make test. A prompt that begins with a dash: --prompt-file -",
    });
  }
  if (flags.exec) {
    if (argv.length === 0 || argv[0] === "")
      throw fail("usage", "--exec needs a command after --.", {
        field: "exec",
        hint: "For example: maestro task dispatch --exec -- make test",
      });
    return { prompt: undefined, argv };
  }
  const prompt = file === undefined ? word : await promptIn(file, io);
  if (prompt === undefined || prompt.trim() === "") {
    throw fail("usage", prompt === undefined ? "A task needs a prompt." : "The prompt is empty.", {
      field: "prompt",
      hint: 'For example: maestro task dispatch "Review the change" --to reviewer (or --prompt-file <file>, or --exec -- <argv…>)',
    });
  }
  if (prompt.length > MAX_PROMPT_CHARS) {
    throw fail("prompt_too_large", `The prompt has ${prompt.length} characters; at most ${MAX_PROMPT_CHARS} are taken.`, {
      field: "prompt",
      hint: "Put what is long into a file of the workspace, and name the file.",
    });
  }
  return { prompt, argv: [] };
}

async function promptIn(file: string, io: Io): Promise<string> {
  const bytes = file === "-" ? await readStdin(io.stdin) : readPromptFile(path.resolve(io.cwd, file), file);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw fail("field_invalid", `'${file}' is not text in UTF-8.`, { field: "prompt-file" }, cause);
  }
}

function readPromptFile(absolute: string, shown: string): Uint8Array {
  try {
    return readFileSync(absolute);
  } catch (cause) {
    throw fail("field_invalid", `'${shown}' cannot be read (${errnoOf(cause) ?? "unknown reason"}).`, { field: "prompt-file" }, cause);
  }
}

/** No more than tells that it is too much. */
async function readStdin(stdin: NodeJS.ReadStream): Promise<Uint8Array> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of stdin) {
    parts.push(Buffer.from(part));
    bytes += parts.at(-1)?.byteLength ?? 0;
    if (bytes > 4 * MAX_PROMPT_CHARS) break;
  }
  return Buffer.concat(parts);
}

function taken(name: string, env: Io["env"]): string {
  const value = env[name];
  if (value !== undefined && value !== "") return value;
  throw fail("field_invalid", `--env ${name}: there is no such variable in this environment.`, {
    field: "env",
    hint: `Set it, or give --env ${name}=value if it is no secret, or --secret ${name} for one of the fleet's.`,
  });
}

function variable(text: string, name: string): Result<{ name: string; value: string | undefined }> {
  const at = text.indexOf("=");
  const key = at === -1 ? text : text.slice(0, at);
  if (!EnvName.safeParse(key).success) {
    return err(
      maestroError("env_name_invalid", `--${name}: '${key.slice(0, 64)}' is not a name of a variable.`, {
        field: name,
        hint: "For example: --env GH_TOKEN, or --env CI=1",
      }),
    );
  }
  return ok({ name: key, value: at === -1 ? undefined : text.slice(at + 1) });
}

function dependency(text: string, name: string): Result<{ task: string; on?: "success" | "completion" | "failure" }> {
  const [task = "", on, more] = text.split(":");
  const end = (["success", "completion", "failure"] as const).find((known) => known === on);
  if (task === "" || task === "null" || more !== undefined || (on !== undefined && end === undefined))
    return err(invalid(name, text, "must be the id of a task", "--depends-on t123, or --depends-on t123:completion"));
  return ok({ task, ...(end === undefined ? {} : { on: end }) });
}

function group(text: string, name: string): Result<{ name: string; limit: number }> {
  const [, own, limit] = /^(.+):(\d{1,4})$/.exec(text) ?? [];
  if (own === undefined || Number(limit) < 1 || Number(limit) > 1000)
    return err(invalid(name, text, "must be a name and a limit from 1 to 1000", "--group deploys:1"));
  return ok({ name: own, limit: Number(limit) });
}

const given = <K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } => {
  const out: { [P in K]?: V } = {};
  if (value !== undefined) out[key] = value;
  return out;
};

const milliseconds = <K extends string>(key: K, value: number | undefined): { [P in K]?: number } =>
  given(key, value === undefined ? undefined : value * 1000);
