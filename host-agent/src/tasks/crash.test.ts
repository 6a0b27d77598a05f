/** [F2] The host-agent is killed between every two effects of an attempt's life; the next one makes the best of what lies there. */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { AttemptEnd, AttemptReport } from "@maestro/shared/protocol/tasks";
import { specOf } from "./testing/task-host.ts";

const ENTRY = fileURLToPath(new URL("testing/tasks-entry.ts", import.meta.url));

/** Most of what the program does is to be read by Node: the first one leaves it ready for all others. */
const ready = mkdtempSync(path.join(tmpdir(), "crash-ready-"));
const env = { ...process.env, NODE_COMPILE_CACHE: ready };
beforeAll(() => void spawnSync(process.execPath, [ENTRY], { env, stdio: "inherit" }));
afterAll(() => rmSync(ready, { recursive: true, force: true }));

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

interface Line {
  answer?: { ok: boolean; value?: { answer?: string; status?: AttemptReport["status"] }; error?: { code: string } };
  frame?: { t: string; report?: AttemptReport; items?: AttemptReport[] };
}

class Agent {
  readonly #child;
  readonly lines: Line[] = [];
  readonly gone: Promise<void>;
  #dead = false;
  #waiting: (() => void)[] = [];

  constructor(dir: string, dieAt = "") {
    this.#child = spawn(process.execPath, [ENTRY, dir, dieAt], { env, stdio: ["pipe", "pipe", "inherit"] });
    const wake = () => this.#waiting.splice(0).forEach((resolve) => resolve());
    createInterface({ input: this.#child.stdout }).on("line", (line) => {
      const said: Line = JSON.parse(line);
      this.lines.push(said);
      // Its start brought none.
      if (said.frame?.t === "task.secrets") this.tell("secrets", said.frame);
      wake();
    });
    this.#child.stdin.on("error", () => {});
    this.gone = new Promise((resolve) =>
      this.#child.once("close", () => {
        this.#dead = true;
        wake();
        resolve();
      }),
    );
  }

  /** Undefined when it died. */
  async until<T>(look: () => T | undefined): Promise<T | undefined> {
    for (;;) {
      const found = look();
      if (found !== undefined || this.#dead) return found;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  async ask(ask: string, frame: object): Promise<Line["answer"]> {
    const before = this.lines.filter(({ answer }) => answer !== undefined).length;
    this.#child.stdin.write(`${JSON.stringify({ ask, frame })}\n`);
    return this.until(() => this.lines.filter(({ answer }) => answer !== undefined)[before]?.answer);
  }

  tell(ask: string, frame: object): void {
    this.#child.stdin.write(`${JSON.stringify({ ask, frame })}\n`);
  }

  get reports(): AttemptReport[] {
    return this.lines.flatMap(({ frame }) => frame?.items ?? (frame?.report === undefined ? [] : [frame.report]));
  }

  end(): Promise<AttemptEnd | undefined> {
    return this.until(() => {
      const answers = this.lines.flatMap(({ answer }) => answer?.value?.status ?? []);
      const ended = [...answers, ...this.reports.map(({ status }) => status)].find(({ state }) => state === "ended");
      return ended?.state === "ended" ? ended.end : undefined;
    });
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.gone;
  }
}

const digest = (text: string) => createHash("sha256").update(text).digest("hex");

/** What the Scheduler does, as TK1 and TK3 say, over any number of lives of the host. */
async function carryOut(dir: string, dieAt: string) {
  const nonces = path.join(dir, "nonces");
  const spec = specOf(["sh", "-c", `echo ran >>'${nonces}'; echo output; sleep 0.1; echo more; exit 4`]);
  const name = { attempt: spec.attempt, fence: 1 };
  let committed = false;
  let lives = 0;
  for (const die of [dieAt, ""]) {
    const agent = new Agent(dir, die);
    lives += 1;
    undo.push(() => agent.kill());
    const named = await agent.until(() => agent.lines.find(({ frame }) => frame?.t === "attempts")?.frame?.items);
    if (named === undefined) continue;
    const status = named.find(({ attempt }) => attempt === spec.attempt)?.status.state;
    if (committed && status === undefined) return { outcome: "forgotten", nonces, spec, lives };
    if (!committed) {
      const offered = await agent.ask("offer", { t: "task.offer", id: 1, ...name, spec });
      if (offered?.value?.answer === undefined) continue;
      committed = true;
    }
    if (status === undefined || status === "accepted") await agent.ask("start", { t: "task.start", id: 2, ...name, sealed: "" });
    const end = await agent.end();
    if (end === undefined) continue;
    agent.tell("ack", { t: "task.ack", ...name });
    if (die === "acked") {
      await agent.gone;
      continue;
    }
    return { outcome: "ended", end, nonces, spec, lives };
  }
  return { outcome: "acked", nonces, spec, lives };
}

const STEPS = ["directory", "intent", "begun", "planned", "stdin", "launch", "spawned", "started", "end", "acked"];

test.each(STEPS)("[F2] killed after '%s': it runs once, and its end and log are whole", async (step) => {
  const dir = mkdtempSync(path.join(tmpdir(), "crash-"));
  undo.push(() => rmSync(dir, { recursive: true, force: true }));
  const { outcome, end, nonces, spec, lives } = await carryOut(dir, step);
  expect(lives).toBe(2);
  expect(existsSync(nonces) ? readFileSync(nonces, "utf8") : "").toBe("ran\n");
  const log = readFileSync(path.join(dir, "attempts", spec.attempt, "agent.log"), "utf8");
  expect(log).toBe("output\nmore\n");
  if (step === "acked") return expect(outcome).toBe("forgotten");
  expect(end).toMatchObject({ outcome: "failed", exitCode: 4, log: { bytes: log.length, sha256: digest(log) } });
});
