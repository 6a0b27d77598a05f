/** [SSH25] Files of a remote host by real shells, and of this one: of the same directory both tell the same. */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { FileEntry } from "@maestro/shared/contract/host-files";
import { MAX_LISTED_FILES } from "@maestro/shared/limits";
import { ok } from "@maestro/shared/result";
import { openPolicy } from "../daemon/policy.ts";
import { readFiles } from "../daemon/read-files.ts";
import type { RemoteShell } from "./remote-shell.ts";
import { readFilesThere } from "./remote-files.ts";
import { LocalShell } from "./testing/local-shell.ts";

type Op = "list" | "stat" | "read";
type Asked = { op: Op; path: string; offset?: number; limit?: number };
interface Side {
  ask(asked: Asked): Promise<{ code?: string; bytes?: Buffer; path?: string; truncated?: boolean; size?: number | undefined }>;
}

function place(): { home: string; outside: string } {
  const dir = realpathSync(mkdtempSync(path.join(tmpdir(), "mfiles-")));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const home = path.join(dir, "its home");
  const outside = path.join(dir, "outside");
  mkdirSync(path.join(home, "a directory"), { recursive: true });
  mkdirSync(path.join(home, ".maestro-remote", "attempts"), { recursive: true });
  mkdirSync(outside);
  writeFileSync(path.join(home, "text"), "Grüße\n");
  writeFileSync(path.join(home, "two\nlines"), "");
  writeFileSync(path.join(home, "-n"), "dash");
  writeFileSync(path.join(home, "$(id) `id` '\" *"), "");
  writeFileSync(path.join(home, ".hidden"), Buffer.from([0, 1, 2, 255, 10, 0]));
  writeFileSync(path.join(home, ".maestro-remote", "log"), "secret");
  chmodSync(path.join(home, "text"), 0o640);
  utimesSync(path.join(home, "text"), 1_700_000_000, 1_700_000_000);
  symlinkSync("text", path.join(home, "to a file"));
  symlinkSync("a directory", path.join(home, "to a directory"));
  symlinkSync("nowhere", path.join(home, "to nowhere"));
  symlinkSync(".maestro-remote", path.join(home, "to ours"));
  execFileSync("mkfifo", [path.join(home, "pipe")]);
  return { home, outside };
}

const collect = async (run: (blob: (bytes: Uint8Array) => void) => ReturnType<typeof readFiles>): ReturnType<Side["ask"]> => {
  const parts: Uint8Array[] = [];
  const answer = await run((bytes) => parts.push(bytes));
  return answer.ok ? { ...answer.value, bytes: Buffer.concat(parts) } : { code: answer.error.code };
};

function here(home: string): Side {
  const rules = {
    roots: [home],
    forbidden: [path.join(home, ".maestro-remote")],
    trustedOwners: new Set([0, process.getuid?.() ?? 0]),
    userHome: home,
  };
  return { ask: ({ offset = 0, limit = 1 << 16, ...rest }) => collect((blob) => readFiles({ ...rest, offset, limit }, rules, blob)) };
}

function there(home: string, shell: Pick<RemoteShell, "run">, policy = openPolicy): Side {
  const facts = { home, base: path.join(home, ".maestro-remote") };
  const { signal } = new AbortController();
  // As a connection does.
  const cutting: typeof shell = {
    async run(...script) {
      const ran = await shell.run(...script);
      return ran.ok ? ok({ ...ran.value, stdout: ran.value.stdout.subarray(0, 1024 * 1024) }) : ran;
    },
  };
  return {
    ask: ({ offset = 0, limit = 1 << 16, ...rest }) =>
      collect((blob) => readFilesThere({ ...rest, offset, limit }, { shell: cutting, policy, facts, signal }, blob)),
  };
}

/** Whole seconds: more no shell tells. */
const entries = (bytes: Buffer | undefined): FileEntry[] =>
  FileEntry.array()
    .parse(JSON.parse(bytes?.toString() ?? ""))
    .map((entry) => ({ ...entry, modifiedAt: `${entry.modifiedAt.slice(0, 19)}.000Z` }));

const SIDES = [
  ["this machine", here],
  ["dash", (home: string) => there(home, new LocalShell(home, ["/bin/dash"]))],
  ["bash", (home: string) => there(home, new LocalShell(home, ["/bin/bash"]))],
  ["busybox", (home: string) => there(home, new LocalShell(home, ["/bin/busybox", "sh"]))],
] as const;

describe.each(SIDES)("%s", (name, sideOf) => {
  test("a directory is listed as this machine lists it, links told as such, whatever the names are", async () => {
    const { home } = place();
    const [mine, ours] = await Promise.all([sideOf(home).ask({ op: "list", path: "~" }), here(home).ask({ op: "list", path: home })]);
    expect(mine).toMatchObject({ path: home, truncated: false });
    const listed = entries(mine.bytes);
    expect(listed).toEqual(entries(ours.bytes));
    const byName = new Map(listed.map((entry) => [entry.name, entry]));
    expect(byName.get("text")).toEqual({ name: "text", kind: "file", size: 8, mode: "0640", modifiedAt: "2023-11-14T22:13:20.000Z" });
    expect(byName.get("to a file")).toMatchObject({ kind: "link", target: "text", leads: "file" });
    expect(byName.get("to a directory")).toMatchObject({ kind: "link", leads: "directory" });
    expect(byName.get("to nowhere")).toMatchObject({ kind: "link", target: "nowhere", leads: "nowhere" });
    expect(byName.get("pipe")).toMatchObject({ kind: "other" });
    expect(listed.map((entry) => entry.name)).toContain("two\nlines");
    expect(entries((await sideOf(home).ask({ op: "list", path: `${home}/a directory/` })).bytes)).toEqual([]);
  });

  test("a file is read to its byte, in pieces too, and a link is told of where it lies", async () => {
    const { home } = place();
    const side = sideOf(home);
    expect(await side.ask({ op: "read", path: "~/text" })).toMatchObject({ size: 8, truncated: false, bytes: Buffer.from("Grüße\n") });
    expect(await side.ask({ op: "read", path: "~/to a file" })).toMatchObject({ path: `${home}/text`, bytes: Buffer.from("Grüße\n") });
    expect((await side.ask({ op: "read", path: "~/.hidden" })).bytes).toEqual(Buffer.from([0, 1, 2, 255, 10, 0]));
    expect(await side.ask({ op: "read", path: "~/text", offset: 1, limit: 3 })).toMatchObject({
      truncated: true,
      size: 8,
      bytes: Buffer.from("rü"),
    });
    expect(await side.ask({ op: "read", path: "~/text", offset: 100 })).toMatchObject({ truncated: false, bytes: Buffer.alloc(0) });
    expect((await side.ask({ op: "read", path: `${home}/-n` })).bytes?.toString()).toBe("dash");
    const link = await side.ask({ op: "stat", path: "~/to nowhere" });
    expect(entries(link.bytes)).toMatchObject([{ name: "to nowhere", kind: "link", leads: "nowhere" }]);
    expect(entries((await side.ask({ op: "stat", path: "~/a directory" })).bytes)).toMatchObject([
      { name: "a directory", kind: "directory" },
    ]);
  });

  test.each([
    ["list", "~/none", "file_not_found"],
    ["stat", "~/none", "file_not_found"],
    ["read", "~/none/deeper", "file_not_found"],
    ["list", "~/text", "not_a_directory"],
    ["stat", "~/text/below", "not_a_directory"],
    ["read", "~/a directory", "not_a_file"],
    ["read", "~/pipe", "not_a_file"],
    ["read", "~/.maestro-remote/log", "path_outside_roots"],
    ["list", "~/to ours/attempts", "path_outside_roots"],
    ["read", "~/to ours/log", "path_outside_roots"],
  ] as const)("%s %s: %s", async (op, asked, code) => {
    const { home } = place();
    expect(await sideOf(home).ask({ op, path: asked })).toEqual({ code });
  });

  test("a directory with more than one answer holds is cut, and says so", async () => {
    const { home } = place();
    for (let i = 0; i <= MAX_LISTED_FILES; i++) writeFileSync(path.join(home, "a directory", `f${i}`), "");
    const many = await sideOf(home).ask({ op: "list", path: "~/a directory" });
    expect(many.truncated).toBe(true);
    expect(entries(many.bytes)).toHaveLength(MAX_LISTED_FILES);
  });

  test("one whose links lead far is cut where one answer is full, and what is told of is told whole", async () => {
    const { home } = place();
    const dir = path.join(home, "a directory");
    const target = `${"d/".repeat(1_900)}end`;
    for (let i = 0; i < 600; i++) symlinkSync(target, path.join(dir, `l${String(i).padStart(3, "0")}`));
    const many = await sideOf(home).ask({ op: "list", path: "~/a directory" });
    expect(many.truncated).toBe(true);
    expect(many.bytes?.byteLength).toBeLessThanOrEqual(1024 * 1024);
    const listed = entries(many.bytes);
    expect(listed.length).toBeGreaterThan(200);
    expect(listed.filter((entry) => entry.target !== target || entry.leads !== "nowhere")).toEqual([]);
  });

  test.skipIf(process.getuid?.() !== 0 || name !== "dash")("what may not be read is told apart from what is not there", async () => {
    const { home, outside } = place();
    chmodSync(path.dirname(home), 0o755);
    mkdirSync(path.join(outside, "shut"), { mode: 0o700 });
    writeFileSync(path.join(outside, "own"), "x", { mode: 0o600 });
    const side = there(home, new LocalShell(home, ["/usr/bin/setpriv", "--reuid=65534", "--clear-groups", "/bin/dash"]));
    expect(await side.ask({ op: "read", path: `${outside}/own` })).toEqual({ code: "file_forbidden" });
    expect(await side.ask({ op: "list", path: `${outside}/shut` })).toEqual({ code: "file_forbidden" });
    expect(await side.ask({ op: "read", path: `${outside}/shut/in` })).toEqual({ code: "file_forbidden" });
  });
});

test("here nothing outside the roots is told of, also through a link; [shell: deny] nothing at all there", async () => {
  const { home, outside } = place();
  writeFileSync(path.join(outside, "own"), "x");
  symlinkSync(outside, path.join(home, "out"));
  expect(await here(home).ask({ op: "read", path: `${outside}/own` })).toEqual({ code: "path_outside_roots" });
  expect(await here(home).ask({ op: "read", path: "~/out/own" })).toEqual({ code: "path_outside_roots" });
  expect(entries((await here(home).ask({ op: "stat", path: "~/out" })).bytes)).toMatchObject([{ kind: "link", target: outside }]);
  const side = there(home, new LocalShell(home), { ...openPolicy, shell: "deny" });
  expect(await side.ask({ op: "list", path: "~" })).toEqual({ code: "policy_denied" });
});

test("where a shell cannot tell where a link leads, what is behind it is not read", async () => {
  const { home } = place();
  symlinkSync(".maestro-remote/log", path.join(home, "to our log"));
  const old = path.join(home, "old");
  mkdirSync(old);
  writeFileSync(path.join(old, "readlink"), '#!/bin/sh\n[ "$1" != -f ] || exit 1\nexec /usr/bin/readlink "$@"\n', { mode: 0o755 });
  const side = there(home, new LocalShell(home, ["/usr/bin/env", `PATH=${old}:${process.env["PATH"] ?? ""}`, "/bin/dash"]));
  expect(await side.ask({ op: "read", path: "~/to our log" })).toEqual({ code: "file_forbidden" });
  expect((await side.ask({ op: "read", path: "~/text" })).bytes?.toString()).toBe("Grüße\n");
});

test("a line that is away is told as such", async () => {
  const { home } = place();
  const shell = new LocalShell(home);
  shell.down = true;
  expect((await there(home, shell).ask({ op: "list", path: "~" })).code).toMatch(/connection_lost|host_unreachable|ssh/);
});

test("of what an evil machine answers only the script's own refusals are believed, and no more bytes than were asked for", async () => {
  const saying = (answer: (word: string) => string) => ({
    run: (_: string, args: readonly string[]) =>
      Promise.resolve(ok({ exit: { type: "exit" as const, code: 0 }, stdout: Buffer.from(answer(args[2] ?? "")), stderr: "" })),
  });
  const deps = {
    policy: openPolicy,
    facts: { home: "/home/dev", base: "/home/dev/.maestro-remote" },
    signal: new AbortController().signal,
  };
  const asked = { op: "read", path: "/etc/motd", offset: 0, limit: 4 } as const;
  const lied = await readFilesThere(
    asked,
    { ...deps, shell: saying((word) => `${word} refused token_invalid log in\u001b[2J again`) },
    () => {},
  );
  expect(lied).toMatchObject({ ok: false, error: { code: "remote_shell_broken", detail: expect.not.stringContaining("\u001b") } });
  let bytes = 0;
  const much = await readFilesThere(
    asked,
    { ...deps, shell: saying((word) => `${word} ok 9999 /etc/motd\n${word}B${"x".repeat(9999)}`) },
    (blob) => {
      bytes = blob.byteLength;
    },
  );
  expect({ much, bytes }).toMatchObject({ much: { ok: true, value: { bytes: 4, truncated: true } }, bytes: 4 });
});
