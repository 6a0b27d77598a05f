import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { baseEnv, planLaunch, type LaunchRequest } from "./launch.ts";
import { bootstrapPath } from "./shell-path.ts";
import { newSessionId } from "./testing/fixture.ts";

const home = mkdtempSync(path.join(tmpdir(), "mp-"));
afterAll(() => rmSync(home, { recursive: true }));

const request = (overrides: Partial<LaunchRequest> = {}): LaunchRequest => ({
  id: newSessionId(),
  name: "name",
  argv: ["/bin/sh"],
  env: {},
  cols: 80,
  rows: 24,
  ...overrides,
});
const plan = (
  overrides: Partial<LaunchRequest>,
  env: Record<string, string> = { HOME: home, PATH: "/usr/bin:/bin" },
): ReturnType<typeof planLaunch> => planLaunch(request(overrides), { env, nowMs: 1 });

describe("a launch that cannot be is refused with the field that is wrong", () => {
  test.each([
    [{ cols: 0 }, "size_out_of_range", "cols"],
    [{ rows: 1001 }, "size_out_of_range", "rows"],
    [{ cols: 1.5 }, "size_out_of_range", "cols"],
    [{ name: "-x" }, "field_invalid", "name"],
    [{ name: "a:b" }, "field_invalid", "name"],
    [{ id: "ses_nope" }, "field_invalid", "id"],
    [{ argv: ["/bin/sh", "a\0b"] }, "nul_byte", "argv.1"],
    [{ argv: [""] }, "field_invalid", "argv.0"],
    [{ cwd: "/tmp\0" }, "nul_byte", "cwd"],
    [{ cwd: "relative" }, "spawn_failed", "cwd"],
    [{ env: { "A-B": "x" } }, "env_name_invalid", "env"],
    [{ env: { A: "x\0" } }, "nul_byte", "env.A"],
    [{ argv: ["no-such-program-here"] }, "spawn_failed", "argv.0"],
  ] as const)("%j → %s", (overrides, code, field) => {
    expect(plan(overrides)).toMatchObject({ ok: false, error: { code, field } });
  });
});

test("no argv is the login shell, the directory is home, the environment is scrubbed", () => {
  const planned = plan(
    { argv: [] },
    { HOME: home, SHELL: "/bin/sh", PATH: "/usr/bin:/bin", MAESTRO_SECRET: "s", NODE_OPTIONS: "--x", LC_TIME: "C" },
  );
  expect(planned).toMatchObject({ ok: true, value: { argv: ["/bin/sh", "-l"], cwd: home } });
  if (!planned.ok) return;
  expect(planned.value.env).toMatchObject({ HOME: home, LC_TIME: "C", TERM: "xterm-256color", COLORTERM: "truecolor", PWD: home });
  expect(Object.keys(planned.value.env)).not.toEqual(expect.arrayContaining(["MAESTRO_SECRET"]));
  expect(planned.value.env["NODE_OPTIONS"]).toBeUndefined();
});

test("without any locale there is one that knows UTF-8", () => {
  expect(baseEnv({ HOME: home })["LANG"]).toBe("C.UTF-8");
  expect(baseEnv({ HOME: home, LC_ALL: "de_DE.UTF-8" })["LANG"]).toBeUndefined();
});

test("[SSH20] directories that exist come first, in the bootstrap's order, nvm's newest before older ones", () => {
  for (const dir of [".local/bin", "bin", ".nvm/versions/node/v9.1.0/bin", ".nvm/versions/node/v22.1.0/bin", ".asdf/shims"])
    mkdirSync(path.join(home, dir), { recursive: true });
  const own = bootstrapPath(home, "/usr/bin:relative:/bin")
    .split(":")
    .filter((dir) => dir.startsWith(home))
    .map((dir) => path.relative(home, dir));
  expect(own).toEqual([".local/bin", "bin", ".nvm/versions/node/v22.1.0/bin", ".nvm/versions/node/v9.1.0/bin", ".asdf/shims"]);
  expect(bootstrapPath(home, "/usr/bin:relative:/bin").endsWith("/usr/bin:/bin")).toBe(true);
});
