/** A made-up fleet with one of everything: every state a page has to show. */
const ago = (minutes: number): string => new Date(Date.now() - minutes * 60_000).toISOString();
const platform = (over: object = {}) => ({
  os: "linux",
  arch: "x64",
  release: "6.8.0-45-generic",
  hostname: "h",
  node: "24.9.0",
  cpus: 8,
  memoryBytes: 32 * 2 ** 30,
  tmux: "3.3a",
  ...over,
});
const host = (name: string, over: object = {}) => ({
  id: `hst_${name}`,
  name,
  transport: "link",
  status: "online",
  labels: {},
  draining: false,
  lastSeenAt: ago(0),
  createdAt: ago(9000),
  agentVersion: "0.1.0",
  platform: platform(),
  capabilities: [],
  roots: ["/home/ada", "/tmp/maestro-workspaces"],
  metrics: { cpu: 0.23, memory: 0.61, disk: 0.44, load1: 1.4 },
  sessions: 2,
  ...over,
});
const remote = (name: string, over: object = {}) =>
  host(name, {
    transport: "ssh",
    via: { id: "hst_laptop", name: "laptop" },
    address: "10.0.0.5",
    user: "dev",
    sshConfig: false,
    options: {},
    env: {},
    container: "none",
    enabled: true,
    lastCheck: { ok: true, at: ago(12) },
    roots: ["/home/dev"],
    ...over,
  });
export const hosts = [
  remote("gpu-server", { port: 2222, identity: "~/.ssh/gpu", cwd: "~/work", container: "dev-box", options: { ConnectTimeout: "30" } }),
  remote("build-farm-eu-west-with-a-long-name", {
    transport: "tailscale",
    address: "build-farm.tail1234.ts.net",
    status: "never",
    lastSeenAt: undefined,
    metrics: undefined,
    platform: undefined,
    sessions: 0,
    lastCheck: {
      ok: false,
      at: ago(3),
      error: "build@build-farm.tail1234.ts.net:22 refused every key that was offered: ~/.ssh/id_ed25519, ~/.ssh/id_rsa.",
    },
  }),
  remote("nas", { address: "nas", sshConfig: true, enabled: false, status: "lost", lastSeenAt: ago(900), metrics: undefined, sessions: 0 }),
  host("laptop"),
  host("acme-web-build", {
    platform: platform({ cpus: 32, memoryBytes: 128 * 2 ** 30, tmux: undefined }),
    metrics: { cpu: 0.87, memory: 0.35, disk: 0.91, load1: 20 },
    sessions: 1,
  }),
  host("acme-web-gpu", { status: "lost", lastSeenAt: ago(42), sessions: 0, metrics: undefined }),
  host("acme-ops-ci", { draining: true, sessions: 0 }),
  host("studio", { locked: { reason: "The same identity connected from two machines within a minute.", at: ago(3) }, sessions: 0 }),
];
const on = (name: string) => ({ id: `hst_${name}`, name, status: "online" });
const session = (id: string, name: string, host: string, over: object = {}) => ({
  id: `ses_${id}`,
  name,
  host: on(host),
  backend: "tmux",
  title: "",
  cwd: "/home/ada/projects/storefront",
  command: "bash",
  cols: 100,
  rows: 30,
  status: "running",
  createdAt: ago(50),
  lastActivityAt: ago(1),
  ...over,
});
interface FixtureSession {
  id: string;
  name: string;
  host: { id: string; name: string };
  title: string;
  cwd: string;
  command: string;
  cols: number;
  rows: number;
  end?: object;
}
export const sessions: FixtureSession[] = [
  session("claude", "claude", "laptop", {
    title: "✳ Fix the flaky checkout test",
    command: "claude",
    agent: { id: "agt_1", name: "acme-web-reviewer" },
    lastActivityAt: ago(0),
  }),
  session("far", "train-2", "gpu-server", { title: "python train.py", cwd: "/home/dev/work" }),
  session("shell", "shell-1", "laptop", { title: "ada@laptop: ~/projects/storefront" }),
  session("watch", "deploy", "acme-web-build", {
    title: "npm run deploy",
    command: "npm run deploy",
    cols: 160,
    rows: 44,
    lastActivityAt: ago(4),
  }),
  session("away", "train", "acme-web-gpu", { status: "unreachable", command: "python train.py", lastActivityAt: ago(42) }),
  session("ended", "migration", "laptop", {
    status: "ended",
    command: "npm test",
    end: { reason: "exited", code: 2, atMs: Date.now() - 3_600_000 },
  }),
  session("killed", "shell-0", "laptop", { status: "ended", end: { reason: "killed", atMs: Date.now() - 7_200_000 } }),
];
const agent = (id: string, name: string, type: string, host: string, over: object = {}) => ({
  id: `agt_${id}`,
  name,
  type,
  host: { id: `hst_${host}`, name: host },
  workspace: "/home/ada/projects/storefront",
  priority: 3,
  tags: [],
  env: {},
  args: [],
  status: "idle",
  createdAt: ago(500),
  updatedAt: ago(5),
  ...over,
});
export const agents = [
  agent("0", "trainer", "claude", "gpu-server", { workspace: "/home/dev/work/trainer" }),
  agent("1", "acme-web-reviewer", "claude", "laptop", { status: "working", session: "ses_claude" }),
  agent("2", "tester", "codex", "acme-web-build", { workspace: "/srv/build/storefront-with-a-rather-long-directory-name" }),
  agent("3", "docs", "gemini", "acme-web-gpu", { status: "unknown" }),
  agent("4", "migrator", "opencode", "laptop", { status: "failed", lastExit: { reason: "exited", code: 1, atMs: Date.now() } }),
];
const report = (slug: string, version?: string) => ({
  slug,
  adapter: slug,
  source: "builtin",
  capabilities: [],
  detected:
    version === undefined
      ? { state: "missing", lookedFor: slug, install: `npm install -g @vendor/${slug}` }
      : { state: "found", binary: `/usr/local/bin/${slug}`, version },
});
const type = (slug: string, laptop?: string, build?: string) => ({
  slug,
  adapter: slug,
  source: "builtin",
  capabilities: [],
  hosts: [
    { host: "hst_laptop", name: "laptop", report: report(slug, laptop) },
    { host: "hst_acme-web-build", name: "acme-web-build", report: report(slug, build) },
  ],
});
export const types = [
  type("claude", "2.1.44", "2.1.40"),
  type("codex", "0.58.0"),
  type("opencode", "1.2.3"),
  type("gemini"),
  type("aider"),
  type("kilo"),
  type("shell", "bash 5.2", "bash 5.2"),
];

const c = (code: string, text: string): string => `\u001b[${code}m${text}\u001b[0m`;
export const screens: Record<string, string> = {
  ses_claude: [
    c("38;2;215;119;87", "╭──────────────────────────────────────────────────────╮"),
    `${c("38;2;215;119;87", "│")} ${c("38;2;215;119;87;1", "✻")} Welcome to ${c("1", "Claude Code")}                             ${c("38;2;215;119;87", "│")}`,
    `${c("38;2;215;119;87", "│")}   ${c("2", "cwd: /home/ada/projects/storefront")}                 ${c("38;2;215;119;87", "│")}`,
    c("38;2;215;119;87", "╰──────────────────────────────────────────────────────╯"),
    "",
    `${c("1", ">")} the checkout test is flaky on CI, find out why`,
    "",
    `${c("32", "⏺")} I'll look at the test and at what it waits for.`,
    "",
    `${c("32", "⏺")} ${c("1", "Read")}(tests/checkout.spec.ts)`,
    `  ⎿  Read ${c("1", "148")} lines`,
    "",
    `${c("32", "⏺")} ${c("1", "Update")}(tests/checkout.spec.ts)`,
    `  ⎿  Updated with ${c("1", "2")} additions and ${c("1", "1")} removal`,
    `     ${c("41;97", " 61 -   await page.waitForTimeout(500);               ")}`,
    `     ${c("42;30", " 61 +   await cart.settled();                         ")}`,
    `     ${c("42;30", " 62 +   await expect(total).toHaveText('€ 42.00');    ")}`,
    "",
    `${c("38;2;215;119;87", "✻ Running the tests…")} ${c("2", "(12s · ↑ 1.2k tokens · esc to interrupt)")}`,
    "",
    `\u001b[4mhttps://example.org/docs\u001b[0m`,
    "> ",
  ].join("\r\n"),
  ses_shell: `${c("1;32", "ada@laptop")}:${c("1;34", "~/projects/storefront")}$ git status --short\r\n ${c("31", "M")} src/cart.ts\r\n${c("31", "??")} notes.md\r\n${c("1;32", "ada@laptop")}:${c("1;34", "~/projects/storefront")}$ `,
  ses_watch: Array.from(
    { length: 30 },
    (_, i) =>
      `${c("90", `12:0${i % 10}:11`)} ${c(i % 7 === 3 ? "33" : "36", i % 7 === 3 ? "WARN" : "INFO")} bundle ${i + 1} of 30 built in ${120 + i * 7} ms, uploaded to eu-central-1 with ${i * 13} objects and checked twice against the manifest`,
  ).join("\r\n"),
  ses_ended: `${c("1;32", "ada@laptop")}$ npm test\r\n${c("31", "FAIL")} 2 tests failed\r\n`,
};
