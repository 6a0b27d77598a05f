import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hostKeyName, isFor, parseKnownHosts } from "./entries.ts";
import { enrolHostKey, readKnownHosts } from "./files.ts";
import { fingerprint, judgeHostKey, preferKnown } from "./verdict.ts";

const TYPES = ["ed25519", "ecdsa", "rsa"] as const;
const keys = new Map<string, { line: string; blob: Buffer; file: string }>();
let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "known-hosts-"));
  for (const name of [...TYPES, "other"]) {
    const file = join(directory, name);
    execFileSync("ssh-keygen", ["-q", "-t", name === "other" ? "ed25519" : name, "-N", "", "-C", "a comment", "-f", file]);
    const [type = "", base64 = ""] = readFileSync(`${file}.pub`, "utf8").split(" ");
    keys.set(name, { line: `${type} ${base64}`, blob: Buffer.from(base64, "base64"), file: `${file}.pub` });
  }
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const key = (name: string) => keys.get(name) ?? { line: "", blob: Buffer.alloc(0), file: "" };
const at = (hostName: string, port = 22, hostKeyAlias?: string) => ({ hostName, port, hostKeyAlias });
const parse = (...lines: string[]) => parseKnownHosts(lines.join("\n"), "kh");
const judge = (lines: string[], place: ReturnType<typeof at>, shown: string) => judgeHostKey(parse(...lines), place, key(shown).blob);

test("a fingerprint is the one that ssh-keygen prints", () => {
  for (const { blob, file } of keys.values()) {
    expect(execFileSync("ssh-keygen", ["-lf", file], { encoding: "utf8" }).split(" ")[1]).toBe(fingerprint(blob));
  }
});

test("which names a line is for agrees with ssh-keygen -F", () => {
  const file = join(directory, "agree");
  const { line } = key("ed25519");
  const hosts = [
    "plain.example",
    "UPPER.example",
    "a.example,b.example,10.0.0.5",
    "*.wild.example,!not.wild.example",
    "[port.example]:2222",
    "[10.0.0.6]:2222,[*.ports.example]:22*",
    "v6.example,2001:db8::5",
    "[2001:db8::6]:2222",
    "g?u.example",
  ];
  writeFileSync(file, hosts.map((names) => `${names} ${line}\n`).join(""));
  writeFileSync(`${file}-hashed`, `hashed.example ${line}\n[hashed.example]:2200 ${line}\n`);
  execFileSync("ssh-keygen", ["-q", "-H", "-f", `${file}-hashed`], { stdio: "ignore" });
  writeFileSync(file, readFileSync(file, "utf8") + readFileSync(`${file}-hashed`, "utf8"));
  const entries = parseKnownHosts(readFileSync(file, "utf8"), file);
  expect(entries).toHaveLength(hosts.length + 2);
  const asked: [string, number][] = [
    ["plain.example", 22],
    ["plain.example", 2222],
    ["PLAIN.example", 22],
    ["upper.example", 22],
    ["b.example", 22],
    ["10.0.0.5", 22],
    ["10.0.0.55", 22],
    ["yes.wild.example", 22],
    ["not.wild.example", 22],
    ["wild.example", 22],
    ["port.example", 2222],
    ["port.example", 22],
    ["10.0.0.6", 2222],
    ["x.ports.example", 2201],
    ["x.ports.example", 2301],
    ["2001:db8::5", 22],
    ["2001:db8::6", 2222],
    ["gpu.example", 22],
    ["gppu.example", 22],
    ["hashed.example", 22],
    ["hashed.example", 2200],
    ["hashed.example", 2201],
    ["nobody.example", 22],
  ];
  for (const [hostName, port] of asked) {
    const name = hostKeyName(at(hostName, port));
    const found = spawnSync("ssh-keygen", ["-F", name, "-f", file], { encoding: "utf8" });
    const lines = [...found.stdout.matchAll(/found: line (\d+)/g)].map((match) => Number(match[1]));
    expect([name, entries.filter((entry) => isFor(entry, name)).map((entry) => entry.line)]).toEqual([name, lines]);
  }
});

test("comments, blanks, CRLF and lines that are none are passed over; line numbers count them", () => {
  const good = key("ed25519").line;
  const text = [
    "# comment",
    "",
    `  a.example\t${good} with a comment\r`,
    "a.example ssh-ed25519",
    "a.example ssh-ed25519 AAAA",
    `a.example ssh-rsa ${good.split(" ")[1]}`,
    `@unheard-of a.example ${good}`,
    `|2|salt|hash ${good}`,
    "a.example 1024 35 123",
    `@revoked b.example ${good}`,
    `@cert-authority *.example ${good}`,
  ];
  expect(parse(...text).map(({ kind, line }) => [kind, line])).toEqual([
    ["key", 3],
    ["revoked", 10],
    ["cert-authority", 11],
  ]);
});

test("a host is known by the key that stands beside its name, its address or its alias", () => {
  const lines = [`a.example,10.0.0.5 ${key("ed25519").line}`, `alias ${key("rsa").line}`];
  expect(judge(lines, at("a.example"), "ed25519")).toEqual({ state: "known" });
  expect(judge(lines, at("A.EXAMPLE"), "ed25519")).toEqual({ state: "known" });
  expect(judge(lines, at("10.0.0.5"), "ed25519")).toEqual({ state: "known" });
  expect(judge(lines, at("elsewhere", 2222, "Alias"), "rsa")).toEqual({ state: "known" });
  expect(judge(lines, at("b.example"), "ed25519")).toEqual({ state: "unknown", authority: false });
});

test("another key than the known one is a changed one, of whatever type it is, and the known one is named", () => {
  const lines = ["# first", `a.example ${key("ed25519").line}`];
  expect(judge(lines, at("a.example"), "other")).toMatchObject({ state: "changed", known: [{ path: "kh", line: 2 }] });
  expect(judge(lines, at("a.example"), "rsa")).toMatchObject({ state: "changed" });
});

test("one of several known keys is enough", () => {
  const lines = [`a.example ${key("other").line}`, `a.example ${key("ed25519").line}`];
  expect(judge(lines, at("a.example"), "ed25519")).toEqual({ state: "known" });
});

test("a revoked key is revoked, though it is known as well, and for the hosts it is revoked for alone", () => {
  const lines = [`a.example ${key("ed25519").line}`, `@revoked * ${key("ed25519").line}`, `@revoked b.example ${key("rsa").line}`];
  expect(judge(lines, at("a.example"), "ed25519")).toMatchObject({ state: "revoked", entry: { line: 2 } });
  expect(judge(lines, at("a.example"), "rsa")).toMatchObject({ state: "changed" });
  expect(judge(lines, at("b.example", 2222), "rsa")).toMatchObject({ state: "revoked" });
});

test("a key known without a port is known behind another port, and contradicts none there", () => {
  const lines = [`a.example ${key("ed25519").line}`];
  expect(judge(lines, at("a.example", 2222), "ed25519")).toEqual({ state: "known" });
  expect(judge(lines, at("a.example", 2222), "other")).toEqual({ state: "unknown", authority: false });
  expect(judge([...lines, `[a.example]:2222 ${key("rsa").line}`], at("a.example", 2222), "ed25519")).toMatchObject({ state: "changed" });
});

test("an authority makes no plain key known", () => {
  expect(judge([`@cert-authority *.example ${key("ed25519").line}`], at("a.example"), "ed25519")).toEqual({
    state: "unknown",
    authority: true,
  });
});

test("types that are known of a host are asked for first", () => {
  const algorithms = ["ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256"];
  const known = parse(`a.example ${key("rsa").line}`, `@revoked a.example ${key("ecdsa").line}`);
  const rsaFirst = ["rsa-sha2-512", "rsa-sha2-256", "ssh-ed25519", "ecdsa-sha2-nistp256"];
  expect(preferKnown(known, at("a.example"), algorithms)).toEqual(rsaFirst);
  expect(preferKnown(known, at("a.example", 2222), algorithms)).toEqual(rsaFirst);
  expect(preferKnown(known, at("b.example"), algorithms)).toEqual(algorithms);
});

test("a key that is added is known at once, to us and to ssh-keygen, in a file that is ours alone", async () => {
  const path = join(directory, "new", "deep", "known_hosts");
  for (const [place, name] of [
    [at("First.example"), "ed25519"],
    [at("2001:db8::7", 2222), "rsa"],
    [at("x", 1, "by-alias"), "ecdsa"],
  ] as const) {
    expect(await enrolHostKey(path, place, key(name).blob)).toEqual({ ok: true, value: undefined });
    const read = await readKnownHosts([path]);
    expect(read.ok && judgeHostKey(read.value, place, key(name).blob)).toEqual({ state: "known" });
    expect(spawnSync("ssh-keygen", ["-F", hostKeyName(place), "-f", path]).status).toBe(0);
  }
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(statSync(join(path, "..")).mode & 0o777).toBe(0o700);
});

test("what is added to a file that ends in half a line stands on a line of its own", async () => {
  const path = join(directory, "half");
  writeFileSync(path, `a.example ${key("ed25519").line}\nb.example ssh-ed2`);
  await enrolHostKey(path, at("c.example"), key("rsa").blob);
  expect(parseKnownHosts(readFileSync(path, "utf8"), path).map(({ line }) => line)).toEqual([1, 3]);
});

test("many who add at once lose nothing and mix nothing", async () => {
  const path = join(directory, "busy");
  const places = Array.from({ length: 40 }, (_, i) => at(`h${i}.example`));
  await Promise.all(places.map((place) => enrolHostKey(path, place, key("rsa").blob)));
  const entries = parseKnownHosts(readFileSync(path, "utf8"), path);
  expect(places.filter((place) => judgeHostKey(entries, place, key("rsa").blob).state === "known")).toHaveLength(40);
});

test("a key is never added through a link, to a pipe, nor under a name that would be a pattern or two", async () => {
  const real = join(directory, "real");
  writeFileSync(real, "");
  symlinkSync(real, join(directory, "link"));
  execFileSync("mkfifo", [join(directory, "pipe")]);
  mkdirSync(join(directory, "dir"));
  for (const name of ["link", "pipe", "dir"]) {
    expect(await enrolHostKey(join(directory, name), at("a.example"), key("rsa").blob)).toMatchObject({
      ok: false,
      error: { code: "ssh_config_invalid", detail: expect.stringContaining(join(directory, name)) },
    });
  }
  for (const hostName of ["*", "a b", "a,b", "a\nb", "|1|x", "@revoked"]) {
    expect(await enrolHostKey(real, at(hostName), key("rsa").blob)).toMatchObject({ ok: false, error: { code: "host_invalid" } });
  }
  expect(readFileSync(real, "utf8")).toBe("");
});

test("files that do not exist are empty; one that cannot be read is an error, as it may revoke a key", async () => {
  const path = join(directory, "several");
  writeFileSync(path, `a.example ${key("rsa").line}\n`);
  expect(await readKnownHosts([join(directory, "none"), path, "/dev/null", join(path, "below")])).toMatchObject({
    ok: true,
    value: [{ path }],
  });
  expect(await readKnownHosts([path, directory])).toMatchObject({ ok: false, error: { code: "ssh_config_invalid" } });
});

test("bytes that are nothing are read as nothing", () => {
  for (let i = 0; i < 2000; i++) parseKnownHosts(randomBytes(200).toString("latin1"), "noise");
  expect(parse(`|1|${"A".repeat(20)}|| ${key("rsa").line}`).filter((entry) => isFor(entry, ""))).toEqual([]);
});
