/** Made-up tasks: one in every state a page has to show. */
import type { Queue, TaskDetail, TaskState } from "@maestro/shared/contract/tasks";

const START_MS = Date.now();
const at = (secondsAgo: number): string => new Date(START_MS - secondsAgo * 1000).toISOString();
const agent = (name: string, type = "claude") => ({ id: `agt_${name}`, name, type });
const host = (name: string) => ({ id: `hst_${name}`, name });
const USAGE = {
  inputTokens: 18_432,
  outputTokens: 4_211,
  cacheReadTokens: 1_204_331,
  cacheWriteTokens: 52_118,
  costUsd: 0.8431,
  turns: 23,
  cpuMs: 41_200,
  peakMemoryBytes: 612 * 2 ** 20,
  wallMs: 252_000,
};

const task = (n: number, over: Partial<TaskDetail>): TaskDetail => ({
  id: `tsk_01k9z3x5v7t1q8r4m2n6p0w5${String(n).padStart(2, "0")}`,
  status: "completed",
  priority: 3,
  labels: {},
  createdAt: at(600),
  createdBy: "ada",
  timeoutMs: 1_800_000,
  retries: 0,
  idempotent: false,
  onLost: "wait",
  dependsOn: [],
  env: [],
  secrets: [],
  trace: false,
  targets: [],
  attempts: [],
  ...over,
});
type AttemptOver = Partial<TaskDetail["attempts"][number]>;
const attempt = (id: string, on: string, over: AttemptOver): TaskDetail["attempts"][number] => ({
  id: `att_${id}`,
  task: "",
  target: 0,
  n: 1,
  fence: 1,
  host: host(on),
  status: "completed",
  createdAt: at(590),
  ...over,
});
const reviewer = agent("acme-web-reviewer");

const running = task(1, {
  status: "running",
  prompt:
    "Find out why the checkout test is flaky on CI and fix it.\n\nThe test is tests/checkout.spec.ts. It fails about one time in ten with a timeout. Do not raise the timeout; find what it waits for.",
  createdAt: at(268),
  startedAt: at(250),
  priority: 2,
  model: "claude-opus-4-5",
  retries: 2,
  labels: { team: "storefront" },
  secrets: ["NPM_TOKEN"],
  targets: [{ agent: reviewer, host: host("laptop"), status: "running", attempts: 1, attempt: "att_run" }],
  attempts: [
    attempt("run", "laptop", {
      agent: { id: reviewer.id, name: reviewer.name },
      status: "running",
      createdAt: at(252),
      startedAt: at(250),
      workspace: "/tmp/maestro-workspaces/agt_1/tsk_01k9z3x5v7t1q8r4m2n6p0w501",
      session: "5f0e1d1c-8a8e-4d54-a1e3-0c9a5a2b7f10",
    }),
  ],
});
const retried = task(2, {
  status: "completed",
  description: "Migrate the orders table",
  prompt: "Write and run the migration of the orders table.",
  createdAt: at(2_000),
  startedAt: at(1_960),
  finishedAt: at(1_180),
  exitCode: 0,
  retries: 3,
  usage: USAGE,
  result:
    "The migration is written and was run on the staging copy.\n\n- `migrations/0042_orders.sql` adds the column `settled_at` and fills it from `payments`.\n- 1,204,331 rows took 41 s.\n- The three queries that used the old view are changed; `npm test` passes (418 tests).\n\nNothing was done on production.",
  targets: [
    { agent: agent("migrator", "opencode"), host: host("laptop"), status: "completed", exitCode: 0, attempts: 3, attempt: "att_done" },
  ],
  attempts: [
    attempt("first", "laptop", {
      status: "failed",
      createdAt: at(1_965),
      startedAt: at(1_960),
      finishedAt: at(1_830),
      exitCode: 1,
      reason: { code: "network", detail: "The provider did not answer: connect ETIMEDOUT 160.79.104.10:443." },
      agent: { id: "agt_4", name: "migrator" },
    }),
    attempt("second", "laptop", {
      n: 2,
      fence: 2,
      status: "failed",
      createdAt: at(1_790),
      startedAt: at(1_786),
      finishedAt: at(1_640),
      reason: { code: "quota_limit", detail: "5-hour limit reached." },
      agent: { id: "agt_4", name: "migrator" },
    }),
    attempt("done", "laptop", {
      n: 3,
      fence: 3,
      createdAt: at(1_435),
      startedAt: at(1_432),
      finishedAt: at(1_180),
      exitCode: 0,
      agent: { id: "agt_4", name: "migrator" },
      workspace: "/home/ada/projects/storefront",
      branch: "maestro/tsk_02",
      log: { bytes: 5_120, complete: true },
    }),
  ],
});
const failed = task(3, {
  status: "failed",
  prompt: "Write the release notes of 4.2 from the merged pull requests.",
  createdAt: at(3_700),
  startedAt: at(3_698),
  finishedAt: at(3_690),
  exitCode: 1,
  reason: {
    code: "auth_failed",
    detail: "Claude Code is not logged in on acme-web-build: “Invalid API key · Please run /login”.",
    hint: "Open a shell on acme-web-build, run `claude` and log in; then run this task again.",
  },
  targets: [
    { agent: agent("tester", "codex"), host: host("acme-web-build"), status: "failed", exitCode: 1, attempts: 1, attempt: "att_auth" },
  ],
  attempts: [
    attempt("auth", "acme-web-build", {
      status: "failed",
      exitCode: 1,
      createdAt: at(3_699),
      startedAt: at(3_698),
      finishedAt: at(3_690),
      reason: { code: "auth_failed", detail: "Invalid API key · Please run /login" },
    }),
  ],
});
const several = task(4, {
  status: "failed",
  prompt: "Update every dependency that has a security advisory, run the tests, and say what you changed.",
  createdAt: at(5_000),
  startedAt: at(4_990),
  finishedAt: at(4_400),
  exitCode: 2,
  targets: [
    {
      agent: reviewer,
      host: host("laptop"),
      status: "completed",
      exitCode: 0,
      attempts: 1,
      usage: USAGE,
      result: "Three packages were updated: undici, ws and tar. All 418 tests pass.",
    },
    {
      agent: agent("tester", "codex"),
      host: host("acme-web-build"),
      status: "failed",
      exitCode: 2,
      attempts: 1,
      reason: { code: "exit_nonzero", detail: "codex ended with exit code 2.", hint: "Its log says why." },
      result: "npm test failed in packages/cart: 2 tests.",
    },
    {
      agent: agent("docs", "gemini"),
      host: host("acme-web-gpu"),
      status: "lost",
      attempts: 1,
      reason: { code: "host_lost", detail: "acme-web-gpu did not come back within 10 minutes." },
    },
  ],
  attempts: [
    attempt("m1", "laptop", {
      agent: { id: "agt_1", name: "acme-web-reviewer" },
      createdAt: at(4_992),
      startedAt: at(4_990),
      finishedAt: at(4_700),
    }),
    attempt("m2", "acme-web-build", {
      target: 1,
      status: "failed",
      agent: { id: "agt_2", name: "tester" },
      createdAt: at(4_992),
      startedAt: at(4_880),
      finishedAt: at(4_610),
    }),
    attempt("m3", "acme-web-gpu", {
      target: 2,
      status: "lost",
      agent: { id: "agt_3", name: "docs" },
      createdAt: at(4_991),
      startedAt: at(4_988),
      finishedAt: at(4_400),
      reason: { code: "host_lost", detail: "" },
    }),
  ],
});
const waiting = (
  n: number,
  status: TaskState,
  prompt: string,
  waits: TaskDetail["waiting"],
  on = reviewer,
  where = "laptop",
  over: Partial<TaskDetail> = {},
): TaskDetail =>
  task(n, {
    status,
    prompt,
    createdAt: at(200 - n),
    ...(waits === undefined ? {} : { waiting: waits }),
    targets: [{ agent: on, host: host(where), status, attempts: 0, ...(waits === undefined ? {} : { waiting: waits }) }],
    ...over,
  });

export const tasks: TaskDetail[] = [
  running,
  waiting(5, "queued", "Go through the open issues and close what is fixed.", {
    code: "agent_busy",
    detail: "acme-web-reviewer works on tsk_01k9z3x5v7t1q8r4m2n6p0w501 since 4 minutes.",
  }),
  waiting(
    6,
    "blocked",
    "Deploy the fix to staging once the test is stable.",
    { code: "dependency_open", detail: "tsk_01k9z3x5v7t1q8r4m2n6p0w501 is running." },
    agent("migrator", "opencode"),
    "laptop",
    {
      dependsOn: [
        { task: running.id, on: "success", status: "running" },
        { task: "tsk_01k9z3x5v7t1q8r4m2n6p0w502", on: "success", status: "completed" },
      ],
    },
  ),
  waiting(
    7,
    "queued",
    "Train the ranking model on last week's clicks.",
    { code: "host_offline", detail: "acme-web-gpu was last seen 42 minutes ago." },
    agent("docs", "gemini"),
    "acme-web-gpu",
    { priority: 1 },
  ),
  waiting(
    8,
    "queued",
    "Try the provider again.",
    { code: "backoff", detail: "Attempt 2 of 4 failed: quota_limit.", until: new Date(START_MS + 95_000).toISOString() },
    agent("tester", "codex"),
    "acme-web-build",
  ),
  waiting(
    9,
    "offered",
    "Lint the monorepo.",
    { code: "offered", detail: "Offered to acme-web-build 2 s ago." },
    agent("tester", "codex"),
    "acme-web-build",
  ),
  task(10, {
    status: "cancelling",
    command: ["npm", "run", "soak", "--", "--hours", "8"],
    createdAt: at(9_000),
    startedAt: at(8_990),
    cancel: { at: at(4), by: "ada", reason: "It fills the disk." },
    targets: [{ host: host("acme-web-build"), status: "cancelling", attempts: 1 }],
    attempts: [attempt("soak", "acme-web-build", { status: "cancelling", createdAt: at(8_995), startedAt: at(8_990) })],
  }),
  task(11, {
    status: "unknown",
    command: ["python", "train.py", "--epochs", "40"],
    createdAt: at(6_000),
    startedAt: at(5_990),
    waiting: {
      code: "host_unreachable",
      detail: "acme-web-gpu has not been heard of since 42 minutes; the task is not run elsewhere, since it may still run there.",
    },
    targets: [{ host: host("acme-web-gpu"), status: "unknown", attempts: 1 }],
    attempts: [attempt("train", "acme-web-gpu", { status: "unknown", createdAt: at(5_995), startedAt: at(5_990) })],
  }),
  retried,
  failed,
  several,
  task(12, {
    status: "timed_out",
    prompt: "Rewrite the search page in Rust.",
    createdAt: at(20_000),
    startedAt: at(19_990),
    finishedAt: at(18_190),
    reason: {
      code: "timeout",
      detail: "It ran for 30 minutes, its timeout.",
      hint: "Give it more time with a longer timeout, or less to do.",
    },
    targets: [{ agent: reviewer, host: host("laptop"), status: "timed_out", attempts: 1 }],
    attempts: [attempt("rust", "laptop", { status: "timed_out", createdAt: at(19_995), startedAt: at(19_990), finishedAt: at(18_190) })],
  }),
  task(13, {
    status: "cancelled",
    prompt: "Translate the docs into Latin.",
    createdAt: at(40_000),
    finishedAt: at(39_900),
    cancel: { at: at(39_900), by: "maya", reason: "Nobody asked for it." },
    reason: { code: "cancelled", detail: "Nobody asked for it." },
    targets: [{ agent: agent("docs", "gemini"), host: host("acme-web-gpu"), status: "cancelled", attempts: 0 }],
  }),
  task(14, {
    status: "failed",
    command: ["sh", "-c", "npm ci && npm test -- --reporter=dot"],
    createdAt: at(90_000),
    startedAt: at(89_999),
    finishedAt: at(89_940),
    exitCode: 137,
    reason: {
      code: "oom_killed",
      detail: "The kernel killed it at 512 MiB, the limit of its agent type.",
      hint: "Raise resource_limits.memory, or run it on a larger host.",
    },
    targets: [{ host: host("laptop"), status: "failed", exitCode: 137, attempts: 1 }],
    attempts: [
      attempt("oom", "laptop", { status: "failed", exitCode: 137, createdAt: at(90_000), startedAt: at(89_999), finishedAt: at(89_940) }),
    ],
  }),
];
const WAITING: readonly TaskState[] = ["blocked", "queued"];
const PROCESSING: readonly TaskState[] = ["offered", "running", "cancelling", "unknown"];

export function queueOf(show: string): Queue {
  const states =
    show === "waiting" ? WAITING : show === "processing" ? PROCESSING : ["completed", "failed", "cancelled", "timed_out", "lost"];
  const count = (state: TaskState): number => tasks.filter(({ status }) => status === state).length;
  return {
    counts: {
      blocked: count("blocked"),
      queued: count("queued"),
      offered: count("offered"),
      running: count("running"),
      cancelling: count("cancelling"),
      unknown: count("unknown"),
      completed: 1_284,
      failed: count("failed"),
      cancelled: count("cancelled"),
      timed_out: count("timed_out"),
      lost: count("lost"),
    },
    hosts: [
      { ...host("laptop"), online: true, draining: false, running: 1, limit: 4 },
      { ...host("acme-web-build"), online: true, draining: false, running: 9, limit: 8 },
      { ...host("acme-web-gpu"), online: false, draining: false, running: 1, limit: 2 },
      { ...host("acme-ops-ci"), online: true, draining: true, running: 0, limit: 4 },
      { ...host("batch"), online: true, draining: false, running: 23, limit: 64 },
    ],
    groups: [{ name: "deploys", running: 1, limit: 1 }],
    items: tasks
      .filter(({ status }) => states.includes(status))
      .map((one) => ({
        task: one.id,
        title: one.description ?? one.prompt?.split("\n")[0] ?? one.command?.join(" ") ?? "",
        target: 0,
        ...(one.targets[0]?.agent === undefined ? {} : { agent: { id: one.targets[0].agent.id, name: one.targets[0].agent.name } }),
        ...(one.targets[0]?.host === undefined ? {} : { host: one.targets[0].host }),
        status: one.status,
        priority: one.priority,
        createdAt: one.createdAt,
        ...(one.waiting === undefined ? {} : { waiting: one.waiting }),
      }))
      .toSorted((a, b) => a.priority - b.priority),
  };
}
