/** In each shell that a machine may have. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { RUN_WHOLE, wholeScript } from "./whole-script.ts";

let dir = "";
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), "maestro-whole-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

// Each line does something, so that a part that runs is seen.
const SCRIPT = `echo 'one "quoted" $HOME' >>ran
if true; then
  printf '%s\\n' "two \${script-unset}" >>ran
fi
cat >>ran
exit 3
`;

describe.each([
  ["dash", "/bin/dash", []],
  ["bash", "/bin/bash", []],
  ["busybox sh", "/bin/busybox", ["sh"]],
] as const)("%s", (_name, file, args) => {
  const run = (stdin: Uint8Array) => {
    const { status, stderr } = spawnSync(file, [...args, "-c", RUN_WHOLE], { cwd: dir, input: stdin, encoding: "utf8" });
    const ran = path.join(dir, "ran");
    return { status, stderr, ran: existsSync(ran) ? readFileSync(ran, "utf8") : undefined };
  };

  test.skipIf(!existsSync(file))("a script that came whole runs, and its exit is its own", () => {
    expect(run(wholeScript(SCRIPT))).toEqual({ status: 3, stderr: "", ran: `one "quoted" $HOME\ntwo unset\n` });
  });

  test.skipIf(!existsSync(file))("one that was cut anywhere, or is empty, does not run, and fails", () => {
    const whole = wholeScript(SCRIPT);
    // Nothing at all; behind each line, where a part would be a script; and in its mark.
    const lines = [...SCRIPT.matchAll(/\n/g)].flatMap(({ index }) => [index, index + 1]);
    for (const bytes of [0, 1, ...lines, whole.length - 6, whole.length - 1])
      expect(run(whole.subarray(0, bytes))).toEqual({ status: 1, stderr: "", ran: undefined });
  });

  test.skipIf(!existsSync(file))("one that is longer than a pipe holds comes whole", () => {
    const filling = `: '${"x".repeat(300_000)}'\n`;
    expect(run(wholeScript(filling + SCRIPT))).toMatchObject({ status: 3, ran: expect.stringContaining("two") });
    rmSync(path.join(dir, "ran"));
    expect(run(wholeScript(filling + SCRIPT).subarray(0, 200_000))).toEqual({ status: 1, stderr: "", ran: undefined });
  });
});
