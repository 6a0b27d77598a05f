/**
 * Records what real agent CLIs print headless, against the loopback model stub, as fixtures of the adapters:
 * `node test/support/record-headless.ts [claude|codex|opencode [case…]]`. Directories of this machine are renamed, nothing else is changed.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AgentType } from "@maestro/shared/contract/check-agent-type";
import { BUILTIN } from "../../host-agent/src/adapters/builtin.ts";
import { planHeadless } from "../../host-agent/src/adapters/headless.ts";
import { agentCli, type AgentCliName } from "./agent-cli.ts";
import { prepareClaudeHome, prepareCodexHome, prepareOpencodeHome, type AgentEnv } from "./agent-homes.ts";
import { promptToFail, promptToWrite, promptWith } from "./model-stub/answer.ts";
import { startModelStub } from "./model-stub/server.ts";

const PREPARE = { claude: prepareClaudeHome, codex: prepareCodexHome, opencode: prepareOpencodeHome };
const FIXTURES = new URL("../../host-agent/src/adapters/fixtures/", import.meta.url).pathname;
const NONCE = "fixture1234";

interface Case {
  name: string;
  prompt(workspace: string): string;
  permissions?: AgentType["permissions"];
  env?: AgentEnv;
  /** The model's provider does not answer. */
  away?: boolean;
  timeoutMs?: number;
}

const cases = (cli: AgentCliName): Case[] => [
  { name: "success", prompt: () => promptWith(NONCE) },
  {
    name: "write",
    prompt: (workspace) => promptToWrite(NONCE, join(workspace, "nonce.txt")),
    permissions: cli === "codex" ? "full" : "edit",
  },
  {
    name: "denied",
    prompt: (workspace) => promptToWrite(NONCE, join(workspace, "nonce.txt")),
    ...(cli === "codex" ? { permissions: "plan" as const } : {}),
    env: { OPENCODE_PERMISSION: JSON.stringify({ edit: "ask" }) },
  },
  { name: "auth", prompt: () => promptToFail("auth") },
  { name: "quota", prompt: () => promptToFail("quota") },
  { name: "overflow", prompt: () => promptToFail("overflow") },
  // Codex waits for its network for ever: it is ended.
  { name: "network", prompt: () => promptWith(NONCE), away: true, ...(cli === "codex" ? { timeoutMs: 20_000 } : {}) },
  ...(cli === "opencode" ? [] : [{ name: "no-key", prompt: () => promptWith(NONCE), env: { ANTHROPIC_API_KEY: "", STUB_API_KEY: "" } }]),
  // A subscription instead of a key: its limits have a time when they end.
  ...(cli === "claude"
    ? [
        {
          name: "limit",
          prompt: () => promptToFail("quota"),
          env: { ANTHROPIC_API_KEY: "", CLAUDE_CODE_OAUTH_TOKEN: "sk-ant-oat01-stub-0000000000" },
        },
      ]
    : []),
];

const [only, ...names] = process.argv.slice(2);
for (const cli of ["claude", "codex", "opencode"] as const)
  if (only === undefined || only === cli) await record(cli, (name) => names.length === 0 || names.includes(name));

async function record(name: AgentCliName, wanted: (name: string) => boolean): Promise<void> {
  const { binary, version } = await agentCli(name);
  const directory = join(FIXTURES, name, version);
  mkdirSync(directory, { recursive: true });
  const exitsFile = join(directory, "exits.json");
  // When it ended counts for what it says of times.
  const exits: Record<string, { exitCode: number | null; at: string }> = existsSync(exitsFile)
    ? JSON.parse(readFileSync(exitsFile, "utf8"))
    : {};
  for (const one of cases(name).filter((each) => wanted(each.name))) {
    await using stub = await startModelStub();
    const home = mkdtempSync(join(tmpdir(), "record-"));
    const workspace = join(home, "workspace");
    mkdirSync(workspace);
    const env = { ...PREPARE[name](home, one.away === true ? "http://127.0.0.1:9" : stub.url, [workspace]), ...one.env };
    const type: AgentType = { slug: name, adapter: name, ...(one.permissions === undefined ? {} : { permissions: one.permissions }) };
    const planned = planHeadless(
      {
        task: "tsk_1",
        attempt: "att_1",
        fence: 1,
        n: 1,
        agent: { id: "agt_1", name, type: name, workspace, args: [], env: {} },
        prompt: one.prompt(workspace),
        workspace: { mode: "default" },
        env: {},
        hostEnv: [],
        secretNames: [],
        timeoutMs: 60_000,
        trace: false,
      },
      type,
      BUILTIN[name],
      { binary, version },
      workspace,
    );
    if (!planned.ok) throw new Error(planned.error.detail);
    const { argv, stdin, env: own } = planned.value;
    const file = join(home, "agent.log");
    const log = openSync(file, "a");
    const [program = "", ...args] = argv;
    const began = Date.now();
    const child = spawn(program, args, {
      cwd: workspace,
      env: { PATH: process.env["PATH"] ?? "", HOME: home, LANG: "C.UTF-8", TZ: "UTC", ...own, ...env },
      stdio: ["pipe", log, log],
      timeout: one.timeoutMs ?? 240_000,
    });
    closeSync(log);
    child.stdin?.end(stdin ?? "");
    const [code] = await once(child, "exit");
    exits[one.name] = { exitCode: typeof code === "number" ? code : null, at: new Date().toISOString() };
    writeFileSync(
      join(directory, `${one.name}.jsonl`),
      readFileSync(file, "utf8")
        .replaceAll(home, "/home/agent")
        .replaceAll(home.slice(1), "home/agent")
        .replaceAll(stub.url, "http://127.0.0.1:8080"),
    );
    process.stdout.write(
      `${name} ${one.name}: exit ${code}, ${Date.now() - began} ms, requests ${stub.requests.map(({ path, status }) => `${path} ${status}`).join(", ")}\n`,
    );
    rmSync(home, { recursive: true, force: true, maxRetries: 5 });
  }
  writeFileSync(exitsFile, `${JSON.stringify(exits, undefined, 2)}\n`);
}
