import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { derivePaths, type Paths } from "../../config/paths.ts";
import { joinedHome } from "../../daemon/testing/host-home.ts";
import { noMounts, titled } from "../../daemon/testing/needs.ts";
import { BIN } from "../../daemon/testing/programs.ts";
import { notJoined } from "./service.ts";

let dir = "";
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), "msv-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const pathsIn = (home: string, scope: Paths["scope"] = "user"): Paths =>
  derivePaths({ env: { MAESTRO_HOME: home }, userHome: dir, uid: 0, tmpDir: dir, scope });

test("a machine that has not joined is told how to, as itself or as a user", () => {
  expect(notJoined(pathsIn(dir), pathsIn(dir))).toMatchObject({
    code: "host_unknown",
    hint: "Join first: maestro host join <url>",
  });
  expect(notJoined(pathsIn(dir, "system"), pathsIn(dir))).toMatchObject({
    code: "host_unknown",
    detail: expect.stringContaining("/var/lib/maestro/host"),
    hint: expect.stringContaining("sudo maestro host join --system <url>"),
  });
});

test("`maestro host join` as a user, then `sudo maestro host install --system`: the user's identity is named, and not taken", () => {
  const home = joinedHome("http://127.0.0.1:1");
  try {
    expect(notJoined(pathsIn(dir, "system"), home.paths)).toMatchObject({
      code: "host_unknown",
      detail: expect.stringContaining(`The one in ${home.paths.hostDir}, host 'test-host', is a user's.`),
      hint: expect.stringContaining("for a service of the user who joined: maestro host install"),
    });
  } finally {
    home.remove();
  }
});

/** A machine of its own as far as services go, whose state is `$1`: what systemd would be told is written to `$2/told`. */
const MACHINE = `set -e
mount -t tmpfs none /run && mkdir -p /run/systemd/system
mount -t tmpfs none /etc/systemd/system
mkdir -p "$2/lib/maestro" && cp -a "$1/." "$2/lib/maestro" && mount --bind "$2/lib" /var/lib
printf '#!/bin/sh\necho "$@" >> %s\n' "$2/told" > "$2/bin/systemctl" && chmod +x "$2/bin/systemctl"
export PATH="$2/bin:$PATH"
shift 2
"$@" && cat /etc/systemd/system/maestro-host.service`;

const cannotMount = noMounts();
describe.skipIf(cannotMount !== undefined)(titled("`sudo maestro host install --system`", cannotMount), () => {
  test.each([
    ["root's identity becomes that of the user behind sudo", "root", "nobody", "nobody"],
    ["a user's identity stays theirs", "daemon", "nobody", "daemon"],
    ["root without sudo runs it as root", "root", "", "root"],
  ])("%s, and the unit runs as who can read it", (_what, owner, sudoUser, user) => {
    const home = joinedHome("http://127.0.0.1:1");
    try {
      mkdirSync(path.join(dir, "bin"));
      writeFileSync(path.join(home.paths.hostDir, "next-key.json"), "", { mode: 0o600 });
      spawnSync("chown", [owner, home.paths.identityFile]);
      const apart: readonly string[] = ["unshare", "-m", "sh", "-c", MACHINE, "sh", home.paths.home, dir];
      const [program, ...args] = [...apart, process.execPath, BIN, "host", "install", "--system", "--json"];
      const run = spawnSync(program, args, {
        encoding: "utf8",
        env: { ...process.env, SUDO_USER: sudoUser, MAESTRO_HOME: home.paths.home },
      });
      expect(run.stderr).toBe("");
      expect(run.stdout).toContain(`\nUser=${user}\n`);
      expect(run.stdout).toContain(`run as '${user}'`);
      expect(readFileSync(path.join(dir, "told"), "utf8")).toContain("restart maestro-host.service");
      const owners = spawnSync("find", [path.join(dir, "lib/maestro"), "-printf", "%u\n"], { encoding: "utf8" }).stdout;
      expect(new Set(owners.trim().split("\n"))).toEqual(new Set([user]));
    } finally {
      home.remove();
    }
  });
});
