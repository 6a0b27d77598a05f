/** Real agent CLIs, started as agents, driven from the browser against a loopback stub of the model's API. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { agentCli, type AgentCliName } from "../support/agent-cli.ts";
import { prepareClaudeHome, prepareCodexHome, prepareOpencodeHome, type AgentEnv } from "../support/agent-homes.ts";
import { journey, launchBrowser } from "../support/browser.ts";
import { ConsoleUser, terminalShows, typeInto } from "../support/console.ts";
import { Product } from "../support/maestro.ts";
import { answerWord, promptWith } from "../support/model-stub/answer.ts";
import { startModelStub, type ModelStub } from "../support/model-stub/server.ts";
import { isFullRun, lacking } from "../support/system.ts";

interface Case {
  name: AgentCliName;
  prepare: (directory: string, stubUrl: string, workspaces: readonly string[]) => AgentEnv;
  /** On the screen once it takes a prompt. */
  ready: RegExp;
}

const CASES: Case[] = [
  { name: "claude", prepare: prepareClaudeHome, ready: /❯|> |\? for shortcuts/ },
  ...(isFullRun
    ? [
        { name: "opencode" as const, prepare: prepareOpencodeHome, ready: /Ask anything|ctrl\+p|enter send/i },
        { name: "codex" as const, prepare: prepareCodexHome, ready: /›|send/ },
      ]
    : []),
];
const missing = lacking("chromium", "npm");

describe.skipIf(missing !== undefined)(`agents${missing === undefined ? "" : ` (skipped: ${missing})`}`, () => {
  let browser: Browser;
  let stub: ModelStub;

  beforeAll(async () => {
    browser = await launchBrowser();
    stub = await startModelStub();
  });
  afterAll(async () => {
    await browser?.close();
    await stub?.[Symbol.asyncDispose]();
  });

  test.each(CASES)(
    "$name, one click from the agents page, answers on the screen",
    { timeout: 900_000 },
    async ({ name, prepare, ready }) => {
      const cli = await agentCli(name);
      await using product = await Product.up({ env: { PATH: `${cli.binDirectory}:${process.env["PATH"] ?? ""}` } });
      const workspace = product.home.directory("work");
      const env = prepare(product.home.directory("agent"), stub.url, [workspace]);
      const agent = await product.api.createAgent({ type: name, workspace, env });
      const user = await ConsoleUser.signIn(browser, product);
      await using tab = await user.open("/agents");
      await journey(`agent-${name}`, tab, async (page) => {
        await page.getByRole("button", { name: /start/i }).first().click();
        await page.waitForURL(/\/sessions\/ses_/);
        await terminalShows(page, ready, 120_000);
        const nonce = `n${Date.now().toString(36)}`;
        await typeInto(page, promptWith(nonce));
        await terminalShows(page, nonce, 60_000);
        await page.keyboard.press("Enter");
        await terminalShows(page, answerWord(nonce), 120_000);
      });
      const sessions = await product.api.sessions();
      expect(sessions.find((session) => session.agent?.id === agent.id)?.status).toBe("running");
      const stopped = await product.cli(["agent", "stop", agent.name, "--yes"]);
      expect(stopped).toMatchObject({ code: 0 });
    },
  );

  test("Claude Code, one click from the overview, runs in a workspace of its own", { timeout: 300_000 }, async () => {
    const cli = await agentCli("claude");
    await using product = await Product.up({ env: { PATH: `${cli.binDirectory}:${process.env["PATH"] ?? ""}` } });
    const user = await ConsoleUser.signIn(browser, product);
    await using tab = await user.open("/");
    await journey("agent-one-click", tab, async (page) => {
      await page
        .getByRole("region", { name: "Start" })
        .getByRole("button", { name: /Claude Code/ })
        .click();
      await page.waitForURL(/\/sessions\/ses_/);
      // What it shows depends on its own set-up: its first screen is enough.
      await terminalShows(page, /Claude Code|Welcome|theme|❯/, 60_000);
      await page
        .getByRole("navigation", { name: "Fleet" })
        .getByRole("link", { name: /^claude/ })
        .waitFor();
    });
    const [agent] = await product.api.agents();
    expect(agent).toMatchObject({ name: "claude", type: "claude" });
    expect(agent?.workspace).toMatch(/\/claude$/);
  });

  test("a missing agent CLI says how to install it", async () => {
    await using product = await Product.up({ env: { PATH: "/usr/bin:/bin" } });
    const refused = await product.api
      .createAgent({ type: "amp", workspace: product.home.directory("work") })
      .then((agent) => product.api.refused("POST", `/api/v1/agents/${agent.id}/start`, {}));
    expect(refused.code).toBe("agent_cli_missing");
    expect(refused.hint).toMatch(/npm|install/);
  });
});
