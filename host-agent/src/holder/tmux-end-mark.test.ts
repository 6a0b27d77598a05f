import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { EndMarkScanner, RUN_AND_MARK } from "./tmux-end-mark.ts";

const run = (...argv: string[]): string =>
  spawnSync("/bin/sh", ["-c", RUN_AND_MARK.replace("sleep 1", "sleep 0"), "n0nce", ...argv], { encoding: "latin1" }).stdout;

test("the program's output, then its code, cut at any place", () => {
  for (const [argv, output, code] of [
    [["/bin/sh", "-c", "printf out; exit 7"], "out", 7],
    [["/bin/sh", "-c", "printf x; kill -TERM $$"], "x", 143],
    [["/bin/true"], "", 0],
  ] as const) {
    const whole = Buffer.from(run(...argv), "latin1");
    for (let cut = 0; cut <= whole.byteLength; cut++) {
      const scanner = new EndMarkScanner("n0nce");
      const [first, second] = [scanner.push(whole.subarray(0, cut)), scanner.push(whole.subarray(cut))];
      expect(Buffer.concat([first.bytes, second.bytes]).toString()).toBe(output);
      expect(first.code ?? second.code).toBe(code);
    }
  }
});

test("another mark is output; an escape at the end is held back until it is released", () => {
  const scanner = new EndMarkScanner("n0nce");
  expect(scanner.push(Buffer.from("a\x1b_maestro;other;1\x1b\\")).bytes.toString()).toBe("a\x1b_maestro;other;1\x1b\\");
  expect(scanner.push(Buffer.from("b\x1b")).bytes.toString()).toBe("b");
  expect(scanner.holding).toBe(true);
  expect(scanner.release().toString()).toBe("\x1b");
  expect(scanner.push(Buffer.from("[A")).bytes.toString()).toBe("[A");
});
