/** `maestro sync`: dispatches what a to-do file or a repository's issues say is to be done on a host, each once. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import * as path from "node:path";
import { EXIT, exitCodeFor, fail } from "@maestro/shared/errors";
import { parseJson } from "../../config/json.ts";
import { errnoOf } from "../../daemon/durable-file.ts";
import { flag, param } from "../args/spec.ts";
import { defineCommand } from "../command.ts";
import type { Context } from "../context.ts";
import { ServerRefusal } from "../render/failure.ts";
import type { Column } from "../render/table.ts";
import { repositoryFor } from "./local-checkout.ts";
import { GitHubIssues, issueWork, todoWork, type TaggedWork } from "./tagged-work.ts";
import { submitTask } from "./task-submit.ts";

interface Synced {
  place: string;
  task: string;
  host: string;
  title: string;
  result: "dispatched" | "there already" | "would be dispatched" | "refused";
  why?: string;
}

const COLUMNS: readonly Column<Synced>[] = [
  { header: "place", value: ({ place }) => place },
  { header: "task", value: ({ task }) => task },
  { header: "host", value: ({ host }) => host },
  { header: "result", value: ({ result, why }) => (why === undefined ? result : `${result}: ${why}`) },
  { header: "what", value: ({ title }) => title },
];

const flags = {
  to: flag.list("the agent that does it; default: the host's only one", "agent"),
  repo: flag.text("a repository that is cloned for each task; . for that of the git checkout here", "url"),
  "dry-run": flag.toggle("only say what would be dispatched"),
};
type SyncFlags = { to: readonly string[]; repo: string | undefined; "dry-run": boolean };

export const syncTodo = defineCommand({
  group: "task",
  name: "sync todo",
  summary: "Dispatch the open items of a to-do file that have a target:<host> tag; one that was dispatched before is left alone",
  flags,
  params: { file: param.required("Markdown, with items such as `- [ ] t12 Fix the build target:gpu-1`") },
  examples: ["maestro sync todo todo.md", "maestro sync todo todo.md --to builder --dry-run"],
  async run(context, { params, flags: given }) {
    const file = path.resolve(context.io.cwd, params.file);
    return dispatch(
      context,
      todoWork(path.basename(file), readTodo(file)),
      given,
      `No open item of ${params.file} has a target:<host> tag.`,
    );
  },
});

export const syncIssues = defineCommand({
  group: "task",
  name: "sync issues",
  summary: "Dispatch the open issues of a GitHub repository that have a target:<host> label; needs gh",
  flags,
  params: { repository: param.required("owner/name") },
  examples: ["maestro sync issues me/app", "maestro sync issues me/app --repo git@github.com:me/app.git --to reviewer"],
  async run(context, { params, flags: given }) {
    if (!/^[A-Za-z0-9_.-]+\/[A-Za-z0-9_.-]+$/.test(params.repository))
      throw fail("usage", `'${params.repository}' is no repository of GitHub.`, { field: "repository", hint: "Give owner/name." });
    const issues = GitHubIssues.safeParse(parseJson(await openIssues(params.repository, context.io.env)));
    if (!issues.success)
      throw fail("field_invalid", "gh answered something that is no list of issues.", { field: "repository", hint: "gh issue list" });
    const work = issueWork(params.repository, issues.data);
    return dispatch(context, work, given, `No open issue of ${params.repository} has a target:<host> label.`);
  },
});

async function dispatch(context: Context, work: readonly TaggedWork[], given: SyncFlags, nothing: string): Promise<number> {
  const { api, out } = context;
  const client = api();
  const rows: Synced[] = [];
  const repository = await repositoryFor(context, given.repo, undefined, () => Promise.resolve(false));
  let code: number = EXIT.ok;
  for (const { place, id, host, model, prompt, title } of work) {
    const row = { place, task: id, host, title };
    if (given["dry-run"]) {
      rows.push({ ...row, result: "would be dispatched" });
      continue;
    }
    const to = given.to.flatMap((names) => names.split(",")).filter((name) => name !== "");
    const body = {
      id,
      prompt,
      ...(to.length === 0 ? { on: { host } } : { to }),
      labels: { target: host },
      ...(model === undefined ? {} : { model }),
      ...(repository === undefined ? {} : { repository }),
    };
    try {
      await submitTask(context, client, body);
      rows.push({ ...row, result: "dispatched" });
    } catch (error) {
      if (!(error instanceof ServerRefusal)) throw error;
      const { problem } = error;
      if (problem.code === "task_exists") rows.push({ ...row, result: "there already" });
      else {
        rows.push({ ...row, result: "refused", why: problem.detail });
        if (code === EXIT.ok) code = exitCodeFor(problem.code, problem.status);
      }
    }
  }
  out.listBy(rows, COLUMNS, nothing, ({ task }) => task);
  return code;
}

function readTodo(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw fail("field_invalid", `'${file}' cannot be read (${errnoOf(cause) ?? "unknown reason"}).`, { field: "file" }, cause);
  }
}

/** As gh is set up on this machine: Maestro holds no credential of GitHub's. */
function openIssues(repository: string, env: Readonly<Record<string, string | undefined>>): Promise<string> {
  const args = ["issue", "list", "--repo", repository, "--state", "open", "--limit", "200", "--json", "number,title,body,url,labels"];
  return new Promise((resolve, reject) => {
    execFile("gh", args, { env: { ...env }, maxBuffer: 64 * 1024 * 1024, timeout: 60_000 }, (cause, stdout, stderr) => {
      if (cause === null) return resolve(stdout);
      const missing = errnoOf(cause) === "ENOENT";
      const detail = missing
        ? "gh, GitHub's own CLI, is not installed here."
        : `gh failed: ${stderr.trim().slice(0, 512) || cause.message}`;
      reject(
        fail(
          "field_invalid",
          detail,
          { field: "repository", hint: missing ? "Install it from https://cli.github.com, then: gh auth login" : "gh auth status" },
          cause,
        ),
      );
    });
  });
}
