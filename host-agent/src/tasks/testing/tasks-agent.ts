/** Tasks as a program of their own, which a test starts, asks, and lets die where it likes. */
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { createInterface } from "node:readline";
import type { AttemptEnd, AttemptReport } from "@maestro/shared/protocol/tasks";
import { TASKS_ENTRY } from "../../daemon/testing/programs.ts";

/** Most of what the program does is to be read by Node: the first one leaves it ready for all others. */
const ready = mkdtempSync(path.join(tmpdir(), "crash-ready-"));
const env = { ...process.env, NODE_COMPILE_CACHE: ready };
/** Before and after all tests. */
export const makeReady = (): void => void spawnSync(process.execPath, [TASKS_ENTRY], { env, stdio: "inherit" });
export const removeReady = (): void => rmSync(ready, { recursive: true, force: true });

interface Line {
  answer?: { ok: boolean; value?: { answer?: string; status?: AttemptReport["status"] }; error?: { code: string } };
  frame?: { t: string; report?: AttemptReport; items?: AttemptReport[] };
}

export class TasksAgent {
  readonly #child;
  readonly lines: Line[] = [];
  readonly gone: Promise<void>;
  #dead = false;
  #waiting: (() => void)[] = [];

  constructor(dir: string, dieAt = "") {
    this.#child = spawn(process.execPath, [TASKS_ENTRY, dir, dieAt], { env, stdio: ["pipe", "pipe", "inherit"] });
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
