import { mkdirSync } from "node:fs";
import { expect, onTestFinished, test } from "vitest";
import { agentCli, type AgentCliName } from "./agent-cli.ts";
import { prepareClaudeHome, prepareCodexHome, prepareOpencodeHome, STUB_API_KEY, type AgentEnv } from "./agent-homes.ts";
import { TestHome } from "./home.ts";
import { answerWord, promptWith } from "./model-stub/answer.ts";
import { startModelStub } from "./model-stub/server.ts";
import { isFullRun, lacking, titled } from "./system.ts";
import { TmuxPane } from "./tmux-pane.ts";

const cases: { name: AgentCliName; prepare: (directory: string, url: string, workspaces: string[]) => AgentEnv; ready: RegExp }[] = [
  { name: "claude", prepare: prepareClaudeHome, ready: /❯/ },
  { name: "opencode", prepare: prepareOpencodeHome, ready: /Ask anything/ },
  { name: "codex", prepare: prepareCodexHome, ready: /Ask Codex/ },
];

// Hundreds of megabytes from the registry: only where a full run was asked for. CI sees Claude Code in e2e.
const reason = lacking("tmux", "npm") ?? (isFullRun ? undefined : "only in a full run");

test.skipIf(reason !== undefined).each(cases)(
  titled("the real $name CLI answers from the stub", reason),
  async ({ name, prepare, ready }) => {
    const stub = await startModelStub();
    onTestFinished(() => stub[Symbol.asyncDispose]());
    const home = new TestHome("mcli");
    onTestFinished(() => home[Symbol.asyncDispose]());
    const workspace = home.directory("w");
    const config = home.directory("c");
    mkdirSync(config, { recursive: true });
    const { binary } = await agentCli(name);
    const pane = await TmuxPane.open({
      argv: [binary],
      cwd: workspace,
      env: { HOME: home.userHome, ...prepare(config, stub.url, [workspace]) },
    });
    onTestFinished(() => pane[Symbol.asyncDispose]());

    await pane.shows(ready, 60_000);
    await pane.type(promptWith("abc123"));
    // The prompt on the screen means the program took it; Enter before that could be lost.
    await pane.shows("nonce:abc123");
    await pane.press("Enter");
    await pane.shows(answerWord("abc123"), 60_000);
    const request = await stub.request("a prompt", ({ prompt }) => prompt.includes("nonce:abc123"));
    expect(request.key).toContain(STUB_API_KEY);
  },
  240_000,
);
