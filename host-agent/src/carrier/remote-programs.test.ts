/** Agent CLIs there are found by real shells, and asked for their version only when they are not as they were. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { BUILTIN } from "../adapters/builtin.ts";
import { Hand } from "./hand.ts";
import { RemotePrograms } from "./remote-programs.ts";
import { LocalShell } from "./testing/local-shell.ts";

let home: string;
beforeEach(() => {
  home = mkdtempSync(path.join(tmpdir(), "maestro programs "));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const { signal } = new AbortController();

test.each([["/bin/dash"], ["/bin/bash"], ["/bin/busybox", "sh"]])("%s", async (...shell: string[]) => {
  const bin = path.join(home, "bin");
  const asked = path.join(home, "asked");
  const install = (version: string): void => {
    mkdirSync(bin, { recursive: true });
    writeFileSync(path.join(bin, "claude"), `#!/bin/sh\necho asked >>'${asked}'\necho "${version} (Claude Code)"\n`);
    chmodSync(path.join(bin, "claude"), 0o755);
  };
  const hand = new Hand(new LocalShell(home, shell), `PATH='${bin}':$PATH`);
  const programs = new RemotePrograms();
  const look = async (): Promise<void> => {
    const found = await hand.programs(programs.asked(["mytool"]), signal);
    if (!found.ok) throw new Error(found.error.detail);
    programs.learn(found.value);
  };
  const times = (): number => readFileSync(asked, "utf8").trim().split("\n").length;

  await look();
  expect(programs.program(BUILTIN.claude)).toBeUndefined();
  install("1.2.3");
  for (let n = 0; n < 3; n++) await look();
  expect(programs.program(BUILTIN.claude)).toEqual({ binary: path.join(bin, "claude"), version: "1.2.3" });
  expect(times()).toBe(1);
  install("1.10.4");
  await look();
  expect(programs.program(BUILTIN.claude)).toEqual({ binary: path.join(bin, "claude"), version: "1.10.4" });
  expect(times()).toBe(2);
  rmSync(path.join(bin, "claude"));
  await look();
  expect(programs.program(BUILTIN.claude)).toBeUndefined();
});
