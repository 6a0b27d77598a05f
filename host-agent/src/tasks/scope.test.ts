import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { expect, test } from "vitest";
import { readBootId } from "../daemon/process-identity.ts";
import { titled } from "../daemon/testing/needs.ts";
import { startRunner } from "./runner.ts";
import { readScopeFacts, runnerShells } from "./scope.ts";

const FACTS = { booted: true, systemdRun: "/usr/bin/systemd-run", uid: 0, runtimeDir: undefined };

test("where systemd runs the machine, each attempt gets a scope of its own, and a plain shell stands by", () => {
  const [scoped, plain, ...rest] = runnerShells(FACTS, "att_1");
  expect(scoped).toEqual([
    "/usr/bin/systemd-run",
    "--scope",
    "--quiet",
    "--collect",
    "--unit=maestro-att_1",
    "--property=Delegate=yes",
    "--",
    "/bin/sh",
  ]);
  expect(plain).toEqual(["/bin/sh"]);
  expect(rest).toEqual([]);
  expect(runnerShells({ ...FACTS, uid: 1000, runtimeDir: "/run/user/1000" }, "att_1")[0]).toContain("--user");
});

test.each([{ booted: false }, { systemdRun: undefined }, { uid: 1000 }])("elsewhere it is a plain shell: %j", (more) => {
  expect(runnerShells({ ...FACTS, ...more }, "att_1")).toEqual([["/bin/sh"]]);
});

const noSystemdRun =
  existsSync("/usr/bin/systemd-run") && !existsSync("/run/systemd/system") ? undefined : "needs systemd-run without systemd";
test.skipIf(noSystemdRun !== undefined)(
  titled("a scope that cannot be made starts nothing, so that the plain shell may", noSystemdRun),
  async () => {
    const dir = mkdtempSync(path.join(tmpdir(), "scope-"));
    try {
      const facts = { ...readScopeFacts(() => "", {}), booted: true, systemdRun: "/usr/bin/systemd-run" };
      const [scoped = [], plain = []] = runnerShells(facts, "att_scope");
      const orders = {
        attempt: "att_scope",
        dir,
        bootId: readBootId(),
        argv: ["echo", "ran"],
        env: { PATH: "/usr/bin:/bin" },
        cwd: "/",
        timeoutMs: 10_000,
        stopAfterMs: undefined,
        graceMs: 1_000,
        logLimitBytes: 1024,
        limits: {},
      };
      const program = path.resolve(import.meta.dirname, "runner.sh");
      const outcomes = [];
      for (const shell of [scoped, plain]) {
        const started = await startRunner(program, orders, shell);
        if (!started.ok) throw new Error(started.error.detail);
        outcomes.push([
          (await started.value.child) !== undefined,
          (await started.value.exited).code === 0,
          existsSync(path.join(dir, "started")),
        ]);
      }
      expect(outcomes).toEqual([
        [false, false, false],
        [true, true, true],
      ]);
      expect(readFileSync(path.join(dir, "agent.log"), "utf8")).toBe("ran\n");
      // The options are ones that this systemd-run knows.
      expect(spawnSync(scoped[0] ?? "", scoped.slice(1)).stderr.toString()).not.toContain("option");
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  },
);
