import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DEFAULT_SETTINGS, parseSettings } from "../config/env.ts";
import { derivePaths, ensurePrivateDir } from "../config/paths.ts";
import { writeDurably } from "./durable-file.ts";
import { acquireLock, readOwner } from "./instance-lock.ts";
import { createLog, formatLine } from "./log.ts";
import { trustedOwners } from "./path-owners.ts";
import { openPolicy, parsePolicy, readPolicy } from "./policy.ts";
import { serviceSpec } from "./service.ts";
import { launchdPlist, systemdUnit } from "./service-units.ts";
import { chooseStart, nextStart } from "./start-counter.ts";
import { allowedRoots, ensureWorkspace, resolveWorkspace, type WorkspaceRules } from "./workspace.ts";

let dir = "";
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), "mf-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe("instance lock", () => {
  test("a second daemon of the same home is refused, and told by whom", async () => {
    const holder = spawn(
      process.execPath,
      [
        "--input-type=module",
        "-e",
        `import { acquireLock } from ${JSON.stringify(path.resolve(import.meta.dirname, "instance-lock.ts"))}; acquireLock(process.argv[1], process.argv[2], "host run", "9.9"); console.log("locked"); setInterval(() => {}, 1000);`,
        path.join(dir, "lock"),
        path.join(dir, "fallback"),
      ],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    try {
      await once(holder.stdout, "data");
      expect(() => acquireLock(path.join(dir, "lock"), path.join(dir, "fallback"), "host run", "1")).toThrow(
        new RegExp(`already_running.*pid ${holder.pid}`),
      );
    } finally {
      holder.kill("SIGKILL");
      await once(holder, "exit");
    }
    const lock = acquireLock(path.join(dir, "lock"), path.join(dir, "fallback"), "host run", "1");
    expect(readOwner(lock.file)?.pid).toBe(process.pid);
    lock.release();
    expect(existsSync(lock.file)).toBe(false);
  });

  test("a lock of a process that has our pid but another start is stale, and so is garbage", () => {
    const file = path.join(dir, "lock");
    writeFileSync(file, JSON.stringify({ pid: process.pid, started: "1", bootId: "x", what: "host run", version: "1", sinceMs: 0 }));
    expect(readOwner(file)).toBeUndefined();
    acquireLock(file, `${file}2`, "host run", "1").release();
    writeFileSync(file, "");
    acquireLock(file, `${file}2`, "host run", "1").release();
  });

  test("the same process takes its own lock again, as an upgrade in place does", () => {
    acquireLock(path.join(dir, "lock"), path.join(dir, "f"), "host run", "1");
    expect(() => acquireLock(path.join(dir, "lock"), path.join(dir, "f"), "host run", "2")).not.toThrow();
  });
});

describe("start counter", () => {
  const spare = (): string => path.join(dir, "spare", "count");

  test("[LK2] rises with every start, through clock steps in both directions", () => {
    const file = path.join(dir, "count");
    const counts = [1_000, 5_000_000, 1_000, 1_000].map((wallMs) => nextStart(file, spare(), wallMs).start);
    expect(counts).toEqual([1_000, 5_000_000, 5_000_001, 5_000_002]);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test("[LK2] a state directory that takes no writes is reported and stops nobody (F25)", () => {
    const first = nextStart("/proc/none/start-counter", spare(), 1_000);
    expect(first.problem).toContain("cannot be written");
    expect(nextStart("/proc/none/start-counter", spare(), 1_001).start).toBeGreaterThan(first.start);
  });

  test("[LK2] neither do two starts in the past without writes count the same, nor one after them (F23, F25)", () => {
    const file = path.join(dir, "count");
    writeFileSync(file, "5000");
    // A missing directory stands for the read-only disk: tests may run as root.
    const blocked = path.join(dir, "gone", "count");
    const kept = nextStart(blocked, spare(), 5_000).start;
    expect([1_000, 1_000].map((wallMs) => nextStart(blocked, spare(), wallMs).start)).toEqual([kept + 1, kept + 2]);
    expect(nextStart(file, spare(), 1_000)).toEqual({ start: kept + 3, problem: undefined });
  });

  test("a spare count in a directory that others can write is not believed", () => {
    mkdirSync(path.dirname(spare()));
    chmodSync(path.dirname(spare()), 0o777);
    writeFileSync(spare(), "9999999");
    expect(nextStart(path.join(dir, "count"), spare(), 7_000).start).toBe(7_000);
  });

  test("[LK2] a damaged counter counts from the present time", () => {
    const file = path.join(dir, "count");
    writeFileSync(file, "garbage");
    expect(nextStart(file, spare(), 7_000).start).toBe(7_000);
    expect(chooseStart(9, 3)).toBe(10);
  });
});

test("a durable write leaves the old content or the new one, and no temporary file when it fails", () => {
  const file = path.join(dir, "f");
  writeDurably(file, "one");
  mkdirSync(path.join(dir, "d"));
  expect(() => writeDurably(path.join(dir, "d"), "x")).toThrow();
  expect(readFileSync(file, "utf8")).toBe("one");
  expect(execFileSync("ls", [dir], { encoding: "utf8" })).toBe("d\nf\n");
});

describe("workspace", () => {
  const rules = (): WorkspaceRules => ({
    roots: [path.join(dir, "root")],
    forbidden: [path.join(dir, "root/.maestro")],
    trustedOwners: trustedOwners(process.getuid?.() ?? 0, []),
    userHome: path.join(dir, "root"),
  });
  beforeEach(() => mkdirSync(path.join(dir, "root/.maestro"), { recursive: true }));

  test("a missing workspace inside a root is made, for its owner only", () => {
    const made = ensureWorkspace(path.join(dir, "root/a/b"), rules());
    expect(made).toEqual({ ok: true, value: { path: path.join(dir, "root/a/b"), created: true } });
    expect(statSync(path.join(dir, "root/a/b")).mode & 0o777).toBe(0o700);
    expect(ensureWorkspace("~/a/b", rules())).toMatchObject({ value: { created: false } });
  });

  test.each([
    ["relative/path", "path_outside_roots"],
    ["/etc", "path_outside_roots"],
    ["~/../x", "path_outside_roots"],
    ["~/.maestro/host", "path_outside_roots"],
    ["~/.maestro", "path_outside_roots"],
    ["~/a\0b", "nul_byte"],
    ["~/file", "workspace_error"],
    ["~/file/below", "workspace_error"],
    ["~/out/new", "path_outside_roots"],
    ["~/winding/new", "path_outside_roots"],
    ["~/dangling", "workspace_error"],
    ["~/dangling/", "workspace_error"],
    ["~/loop/x", "workspace_error"],
  ])("'%s' is refused with %s, naming the path", (text, code) => {
    writeFileSync(path.join(dir, "root/file"), "");
    symlinkSync("/etc", path.join(dir, "root/out"));
    symlinkSync("/nowhere/at/all", path.join(dir, "root/dangling"));
    symlinkSync("loop", path.join(dir, "root/loop"));
    // The kernel goes up from where `up` leads, not from where it lies.
    mkdirSync(path.join(dir, "root/sub/x"), { recursive: true });
    symlinkSync("../..", path.join(dir, "root/sub/x/up"));
    symlinkSync("sub/x/up/..", path.join(dir, "root/winding"));
    const refused = ensureWorkspace(text, rules());
    expect(refused).toMatchObject({ ok: false, error: { code, field: "path" } });
  });

  test("a root that is itself a link is taken for what it leads to", () => {
    symlinkSync(path.join(dir, "root"), path.join(dir, "link"));
    expect(resolveWorkspace(path.join(dir, "link/a"), { ...rules(), roots: [path.join(dir, "link")] })).toMatchObject({
      ok: true,
      value: path.join(dir, "root/a"),
    });
  });

  describe.skipIf(process.getuid?.() !== 0)("of another user (only root can make one here)", () => {
    const STRANGER = 54_321;
    const at = (name: string): string => path.join(dir, "root", name);
    const everybodyWrites = (): void => chmodSync(path.join(dir, "root"), 0o1777);

    test.each([
      ["a directory of theirs", () => mkdirSync(at("theirs"))],
      ["a link of theirs to a directory of ours", () => (mkdirSync(at("ours")), symlinkSync("ours", at("theirs")))],
      [
        "a link of theirs behind a link of ours",
        () => (mkdirSync(at("a")), symlinkSync("a", at("theirs")), symlinkSync(at("theirs"), at("ours"))),
      ],
    ])("%s is refused, and nothing is made in it", (_what, make) => {
      everybodyWrites();
      make();
      lchownSync(at("theirs"), STRANGER, STRANGER);
      const through = existsSync(at("ours")) && lstatSync(at("ours")).isSymbolicLink() ? "ours" : "theirs";
      for (const text of [at(through), at(`${through}/deep/er`), `~/${through}/x`])
        expect(ensureWorkspace(text, rules())).toMatchObject({
          ok: false,
          error: {
            code: "insecure_permissions",
            field: "path",
            detail: expect.stringContaining(at("theirs")),
            hint: expect.stringContaining("policy"),
          },
        });
      expect(existsSync(at(`${through}/deep`))).toBe(false);
    });

    test("that the policy names is trusted with all that is in it", () => {
      everybodyWrites();
      mkdirSync(at("theirs/project"), { recursive: true });
      for (const name of ["theirs", "theirs/project"]) lchownSync(at(name), STRANGER, STRANGER);
      const named = { ...rules(), roots: [at("theirs")], trustedOwners: trustedOwners(0, [at("theirs")]) };
      expect(ensureWorkspace(at("theirs/project/new"), named)).toMatchObject({ ok: true, value: { created: true } });
    });

    test("where nobody else writes, it was put there on purpose: a mounted project of its developer", () => {
      mkdirSync(at("theirs/project"), { recursive: true });
      for (const name of ["theirs", "theirs/project"]) lchownSync(at(name), STRANGER, STRANGER);
      expect(ensureWorkspace(at("theirs/project/new"), rules())).toMatchObject({ ok: true, value: { created: true } });
    });

    test("that lies beside changes nothing", () => {
      everybodyWrites();
      mkdirSync(at("theirs"));
      lchownSync(at("theirs"), STRANGER, STRANGER);
      expect(ensureWorkspace(at("ours/x"), rules())).toMatchObject({ ok: true });
    });
  });

  test("default roots are home, workspace root, /tmp, /opt and /srv; a policy replaces them", () => {
    expect(allowedRoots({ userHome: "/home/u", workspaceRoot: "/tmp/w", policyRoots: undefined })).toEqual([
      "/home/u",
      "/tmp/w",
      "/tmp",
      "/opt",
      "/srv",
    ]);
    expect(allowedRoots({ userHome: "/home/u", workspaceRoot: "/tmp/w", policyRoots: ["/only"] })).toEqual(["/only"]);
  });
});

describe("policy", () => {
  test("without a file everything default is allowed", () => {
    expect(readPolicy(path.join(dir, "policy.yaml"))).toEqual(openPolicy);
  });

  test("a policy is read with a digest that changes with it", () => {
    const one = parsePolicy("p", Buffer.from("roots: [/srv]\nshell: deny\n"));
    expect(one).toMatchObject({ roots: ["/srv"], shell: "deny" });
    const tasks = parsePolicy("p", Buffer.from("binaries: [git]\nforward: [A_KEY]\nmax_concurrent: 2\nlog_limit: 512m\n"));
    expect(tasks).toMatchObject({ binaries: ["git"], forward: ["A_KEY"], maxConcurrent: 2, logLimitBytes: 512 * 1024 * 1024 });
    expect(parsePolicy("p", Buffer.from("roots: [/srv]\n")).digest).not.toBe(one.digest);
  });

  test.each([
    ["roots: [srv]", /p:1: 'roots.0'/],
    ["shell: maybe", /p:1: 'shell'/],
    ["log_limit: much", /p:1: 'log_limit'/],
    ["forward: [A=B]", /p:1: 'forward.0'/],
    ["\nrootz: [/srv]", /p:2: unknown key 'rootz', did you mean 'roots'/],
    ["a: [", /p:\d+: /],
  ])("a policy that is not understood starts nothing: %j", (text, message) => {
    expect(() => parsePolicy("p", Buffer.from(text))).toThrow(message);
  });

  test("a policy that others can write is no policy", () => {
    const file = path.join(dir, "policy.yaml");
    writeFileSync(file, "shell: deny\n");
    chmodSync(file, 0o666);
    expect(() => readPolicy(file)).toThrow(/insecure_permissions/);
  });
});

describe("settings", () => {
  const parse = (env: Record<string, string>, file?: string, flags = {}) =>
    parseSettings({ flags, env, file: file === undefined ? undefined : { name: "config.json", text: file } });

  test("flags win over environment, environment over file, file over default", () => {
    expect(parse({}).ok && parse({})).toEqual({ ok: true, value: DEFAULT_SETTINGS });
    const file = JSON.stringify({ maxConcurrent: 2, logLevel: "warn" });
    expect(parse({ MAESTRO_MAX_CONCURRENT: "3" }, file)).toMatchObject({ value: { maxConcurrent: 3, logLevel: "warn" } });
    expect(parse({ MAESTRO_MAX_CONCURRENT: "3" }, file, { maxConcurrent: 9 })).toMatchObject({ value: { maxConcurrent: 9 } });
  });

  test.each([
    [{ MAESTRO_LOG_LEVEL: "loud" }, undefined, "field_invalid", "MAESTRO_LOG_LEVEL"],
    [{ MAESTRO_MAX_CONCURRENT: "many" }, undefined, "field_invalid", "MAESTRO_MAX_CONCURRENT"],
    [{ MAESTRO_WORKSPACE_ROOT: "rel" }, undefined, "field_invalid", "MAESTRO_WORKSPACE_ROOT"],
    [{}, "{", "json_invalid", undefined],
    [{}, `{"logLevl":"info"}`, "unknown_field", "logLevl"],
  ])("%j with file %j is refused", (env, file, code, field) => {
    expect(parse(env as Record<string, string>, file)).toMatchObject({
      ok: false,
      error: { code, ...(field === undefined ? {} : { field }) },
    });
  });
});

describe("paths", () => {
  const base = { userHome: "/home/u", uid: 7, tmpDir: "/tmp", scope: "user" as const };

  test("everything is below MAESTRO_HOME; a deep one gets its sockets elsewhere", () => {
    expect(derivePaths({ ...base, env: {} }).home).toBe("/home/u/.maestro");
    const deep = `/${"d".repeat(120)}`;
    const { runDir, home } = derivePaths({ ...base, env: { MAESTRO_HOME: deep } });
    expect(home).toBe(deep);
    expect(Buffer.byteLength(`${runDir}/holder.sock`)).toBeLessThanOrEqual(100);
    expect(runDir).not.toBe(derivePaths({ ...base, env: { MAESTRO_HOME: `${deep}2` } }).runDir);
  });

  test("a system service keeps state and configuration where systems do", () => {
    expect(derivePaths({ ...base, scope: "system", env: {} })).toMatchObject({
      home: "/var/lib/maestro",
      configDir: "/etc/maestro",
      policyFile: "/etc/maestro/policy.yaml",
    });
  });

  test("a directory of ours is closed to others", () => {
    const made = path.join(dir, "x");
    mkdirSync(made, { mode: 0o755 });
    ensurePrivateDir(made, process.getuid?.() ?? 0);
    expect(statSync(made).mode & 0o777).toBe(0o700);
  });
});

describe("log", () => {
  test("a line holds no secret and no control character", () => {
    const line = formatLine(
      new Date(0),
      "info",
      "join with mst_join_abcdefghijkl_SECRETSECRETSECRETSECRETSECRETSECRETSECRETSEC_abc123\u001b[31m",
      { title: "a\nb" },
    );
    expect(line).not.toContain("SECRET");
    expect(line).not.toContain("\u001b");
    expect(line.split("\n")).toHaveLength(2);
  });

  test("a sink that fails stops nobody", () => {
    const log = createLog(
      "info",
      {
        write: () => {
          throw new Error("full");
        },
      },
      () => new Date(0),
    );
    expect(() => log.error("x")).not.toThrow();
  });
});

describe("service", () => {
  const spec = {
    argv: ["/usr/bin/node", "/h ome/50%/$x/bin.js", "host", "run"],
    env: { MAESTRO_HOME: "/h ome/.maestro" },
    user: "root",
    scope: "system" as const,
    logFile: "/l",
  };

  test.each(["user", "system"] as const)("the %s unit satisfies systemd and leaves children alone", (scope) => {
    const file = path.join(dir, "maestro-host.service");
    const unit = systemdUnit({ ...spec, scope, argv: [process.execPath, "/h ome/50%/$x/bin.js", "host", "run"] });
    writeFileSync(file, unit);
    expect(unit).toContain("KillMode=process");
    const out = execFileSync("systemd-analyze", [...(scope === "user" ? ["--user"] : []), "verify", "--man=no", file], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, XDG_RUNTIME_DIR: dir },
    });
    expect(out).toBe("");
  });

  test("launchd's definition is well-formed and keeps other processes of the group", () => {
    const plist = launchdPlist({ ...spec, env: { A: "<&>" } });
    expect(plist).toContain("<key>AbandonProcessGroup</key>\n  <true/>");
    expect(plist).toContain("&lt;&amp;&gt;");
  });

  test("a user's service carries its home, the machine's service its user", () => {
    const paths = derivePaths({ env: { MAESTRO_HOME: "/x" }, userHome: "/home/u", uid: 1, tmpDir: "/tmp", scope: "user" });
    expect(serviceSpec({ paths, program: ["node", "bin.js"], args: ["host", "run"] }, undefined)).toMatchObject({
      argv: ["node", "bin.js", "host", "run"],
      env: { MAESTRO_HOME: "/x" },
      user: undefined,
    });
    expect(serviceSpec({ paths: { ...paths, scope: "system" }, program: ["n"], args: [] }, "dev")).toMatchObject({
      user: "dev",
      env: {},
    });
  });
});
