/** Real agent CLIs headless, dispatched by the CLI as people do, against a loopback stub of the model's API. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Task } from "@maestro/shared/contract/tasks";
import { agentCli, type AgentCliName } from "../support/agent-cli.ts";
import { prepareClaudeHome, prepareCodexHome, prepareOpencodeHome, type AgentEnv } from "../support/agent-homes.ts";
import { TestHome } from "../support/home.ts";
import { Product } from "../support/maestro.ts";
import { answerWord, promptToFail, promptToSee, promptToWrite, promptWith, sees } from "../support/model-stub/answer.ts";
import { startModelStub, type ModelStub } from "../support/model-stub/server.ts";
import { isFullRun, lacking } from "../support/system.ts";
import { wholeLog } from "../support/tasks.ts";

interface Case {
  name: AgentCliName;
  prepare: (directory: string, stubUrl: string, workspaces: readonly string[]) => AgentEnv;
  permissions: "edit" | "full";
}

const CASES: Case[] = [
  { name: "claude", prepare: prepareClaudeHome, permissions: "edit" },
  ...(isFullRun
    ? [
        { name: "opencode" as const, prepare: prepareOpencodeHome, permissions: "edit" as const },
        { name: "codex" as const, prepare: prepareCodexHome, permissions: "full" as const },
      ]
    : []),
];
const missing = lacking("npm");
/** A PNG of one pixel. */
const DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

describe.skipIf(missing !== undefined)(`agents headless${missing === undefined ? "" : ` (skipped: ${missing})`}`, () => {
  let stub: ModelStub;
  beforeAll(async () => {
    stub = await startModelStub();
  });
  afterAll(async () => stub?.[Symbol.asyncDispose]());

  test.each(CASES)(
    "$name writes a file, is shown an image, is refused by its provider, answers",
    { timeout: 900_000 },
    async ({ name, prepare, permissions }) => {
      const cli = await agentCli(name);
      const home = new TestHome();
      mkdirSync(join(home.path, "agents.d"), { recursive: true });
      writeFileSync(join(home.path, "agents.d", "reviewer.yaml"), JSON.stringify({ slug: "reviewer", adapter: name, permissions }));
      await using product = await Product.up({ home, env: { PATH: `${cli.binDirectory}:${process.env["PATH"] ?? ""}` } });
      const workspace = home.directory("work");
      const env = prepare(home.directory("agent"), stub.url, [workspace]);
      await product.api.createAgent({ name: "reviewer", type: "reviewer", workspace, env });
      // opencode asks a provider that refuses it again and again, for a minute and more.
      const dispatch = (prompt: string, ...flags: string[]) =>
        product
          .start(["task", "dispatch", prompt, "--to", "reviewer", "--sync", "--timeout", "300", ...flags], { stdin: "" })
          .end("task dispatch", 310_000);

      const nonce = `n${Date.now().toString(36)}`;
      const file = join(workspace, "nonce.txt");
      const wrote = await dispatch(promptToWrite(nonce, file), "--json");
      expect({ code: wrote.code, stderr: wrote.stderr }).toMatchObject({ code: 0 });
      expect(readFileSync(file, "utf8").trim()).toBe(nonce);
      const { id } = Task.loose().parse(JSON.parse(wrote.stdout));
      const { text, task } = await wholeLog(product.api, id);
      expect(task).toMatchObject({ status: "completed", exitCode: 0 });
      expect(task.result).toContain(answerWord(nonce));
      expect(task.targets[0]?.usage?.outputTokens).toBeGreaterThan(0);
      expect(task.attempts[0]?.session).toBeDefined();
      expect(text.length).toBeGreaterThan(100);

      const answered = await dispatch(promptWith(nonce));
      expect({ code: answered.code, stderr: answered.stderr }).toMatchObject({ code: 0 });
      expect(answered.stdout).toContain(answerWord(nonce));

      // [SSH18] It comes to the model, by the CLI's flag or its tool; and goes with the end of the attempt.
      const image = join(home.directory("images"), "a dot.png");
      writeFileSync(image, Buffer.from(DOT, "base64"));
      const saw = await dispatch(promptToSee, "--image", image);
      expect({ code: saw.code, stderr: saw.stderr }).toMatchObject({ code: 0 });
      expect(saw.stdout).toContain(sees(1));
      expect(execFileSync("find", [home.path, "-name", "images", "-type", "d"], { encoding: "utf8" })).toBe("");

      for (const [kind, reason] of [
        ["quota", "quota_limit"],
        ["auth", "auth_failed"],
      ] as const) {
        const failed = await dispatch(promptToFail(kind), "--json");
        expect(failed.code).not.toBe(0);
        const shown = Task.loose().parse(JSON.parse(failed.stdout));
        expect(shown).toMatchObject({ status: "failed", reason: { code: reason } });
        // A person reads what went wrong, not events.
        const read = await product.cli(["logs", shown.id]);
        expect(read.stdout).toMatch(/^[!=] /m);
        expect(read.stdout).not.toMatch(/^\{/m);
        expect((await product.cli(["logs", shown.id, "--raw"])).stdout).toMatch(/^\{"/m);
      }
    },
  );

  test("an agent whose CLI is missing is refused with how to install it, before anything is queued", async () => {
    await using product = await Product.up({ env: { PATH: "/usr/bin:/bin" } });
    await product.api.createAgent({ name: "absent", type: "amp", workspace: product.home.directory("work") });
    const refused = await product.cli(["task", "dispatch", "hello", "--to", "absent", "--sync"]);
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toMatch(/npm|install/);
    expect(await product.api.all(Task, "/api/v1/tasks")).toEqual([]);
  });
});
