/** The same search path there as here. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { bootstrapPath } from "../../holder/shell-path.ts";
import { REMOTE_PATH } from "./remote-path.ts";

const SHELLS: readonly (readonly [string, ...string[]])[] = [["/bin/dash"], ["/bin/bash", "--posix"], ["/bin/busybox", "sh"]];
const DIRS = [
  ".local/bin",
  ".claude/local",
  ".cargo/bin",
  ".nvm/current/bin",
  ".nvm/versions/node/v9.0.0/bin",
  ".nvm/versions/node/v22.3.0/bin",
  ".nvm/versions/node/v20.11.1/bin",
  ".fnm/node-versions/v18.0.0/installation/bin",
  "Library/Application Support/fnm/current/bin",
  ".asdf/shims",
  "n/bin",
];

describe.each(SHELLS.filter(([shell]) => existsSync(shell)))("[SSH20] in %s", (shell, ...args) => {
  let home: string;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), "mp ath-"));
  });
  afterEach(() => rmSync(home, { recursive: true, force: true }));
  const pathThere = (inherited: string) =>
    execFileSync(shell, [...args, "-c", `${REMOTE_PATH}\nprintf '%s' "$PATH"`], { env: { HOME: home, PATH: inherited }, encoding: "utf8" });

  test("is what this machine would have of the same home", () => {
    for (const dir of DIRS) mkdirSync(join(home, dir), { recursive: true });
    const inherited = `/usr/bin:relative:/bin:${home}/n/bin:/usr/bin`;
    expect(pathThere(inherited)).toBe(bootstrapPath(home, inherited));
    expect(pathThere(inherited).split(":").slice(0, 2)).toEqual([`${home}/.local/bin`, `${home}/.claude/local`]);
  });

  test("in an empty home it is the inherited one and what is installed for all", () => {
    expect(pathThere("/usr/bin:/bin")).toBe(bootstrapPath(home, "/usr/bin:/bin"));
  });
});
