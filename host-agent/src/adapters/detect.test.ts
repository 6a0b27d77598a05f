import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { AgentTypeReport } from "@maestro/shared/contract/agent-types";
import { systemClock, type Clock } from "../daemon/clock.ts";
import { readStat } from "../holder/processes.ts";
import { bootstrapPath } from "../holder/shell-path.ts";
import { aider } from "./aider.ts";
import { claude } from "./claude.ts";
import { codex } from "./codex.ts";
import { Detector } from "./detect.ts";
import { locateProgram } from "./locate.ts";
import { gemini } from "./gemini.ts";
import { kilo } from "./kilo.ts";
import { shell } from "./shell.ts";
import { TypeCatalogue } from "./types/catalogue.ts";

const PATIENCE = { timeout: 10_000 };

let dir = "";
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), "md-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function program(name: string, body: string): string {
  const file = path.join(dir, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `#!/bin/sh\n${body}\n`);
  chmodSync(file, 0o755);
  return file;
}
const detector = (overrides: Record<string, string[]> = {}, clock: Clock = systemClock) =>
  new Detector({ env: () => ({ PATH: `${dir}:/usr/bin:/bin`, HOME: dir }), overrides, clock, signal: new AbortController().signal });

test("a CLI that is there is found with its version; one that is not, with what installs it", async () => {
  const binary = program("claude", 'echo "2.0.14 (Claude Code)"');
  expect(await detector().detect(claude)).toEqual({ state: "found", binary, version: "2.0.14" });
  expect(await detector().detect(gemini)).toMatchObject({ state: "missing", lookedFor: "gemini", install: gemini.install });
  expect(await detector().detect(shell)).toMatchObject({ state: "found" });
});

test("a CLI that cannot run is reported as broken, with what it said", async () => {
  program("codex", 'echo "env: node: No such file or directory" >&2; exit 127');
  expect(await detector().detect(codex)).toMatchObject({ state: "invalid", problem: expect.stringContaining("exit code 127: env: node") });
});

test("an unchanged binary is asked once, a changed one again", async () => {
  const counter = path.join(dir, "asked");
  program("aider", `echo x >> ${counter}; echo "aider 0.1.0"`);
  const one = detector();
  await Promise.all([one.detect(aider), one.detect(aider)]);
  await one.detect(aider);
  expect(readFileSync(counter, "utf8")).toBe("x\n");
  program("aider", `echo x >> ${counter}; echo "aider 0.20.0 is newer"`);
  expect(await one.detect(aider)).toMatchObject({ version: "0.20.0" });
});

test("at most two programs are asked at once", async () => {
  const log = path.join(dir, "log");
  const go = path.join(dir, "go");
  for (const name of ["claude", "codex", "gemini", "aider", "kilo"])
    program(name, `echo + >> ${log}; while [ ! -e ${go} ]; do sleep 0.02; done; echo - >> ${log}; echo 1.0.0`);
  const one = detector({}, { ...systemClock, after: () => () => {} });
  const asked = Promise.all([claude, codex, gemini, aider, kilo].map((adapter) => one.detect(adapter)));
  const marks = (): string[] => (existsSync(log) ? readFileSync(log, "utf8").trim().split("\n") : []);
  await vi.waitFor(() => expect(marks()).toHaveLength(2), PATIENCE);
  // A third would have been started before this one.
  execFileSync(program("later", "exit 0"));
  writeFileSync(go, "");
  await asked;
  let running = 0;
  expect(marks().reduce((max, mark) => Math.max(max, (running += mark === "+" ? 1 : -1)), 0)).toBe(2);
});

test("a program that does not answer is given up with everything it started, and still counts as found", async () => {
  const pidFile = path.join(dir, "pid");
  const binary = program("gemini", `sleep 600 & echo $! > ${pidFile}; wait`);
  let expire = (): void => {};
  const clock: Clock = { ...systemClock, after: (_ms, run) => ((expire = run), () => {}) };
  const asked = detector({}, clock).detect(gemini);
  const pid = await vi.waitFor(() => {
    const text = readFileSync(pidFile, "utf8").trim();
    expect(text).not.toBe("");
    return Number(text);
  }, PATIENCE);
  expire();
  expect(await asked).toEqual({ state: "found", binary, version: "unknown" });
  await vi.waitFor(() => expect([undefined, "Z"]).toContain(readStat(pid)?.state), PATIENCE);
});

test("MAESTRO_KILOCODE_BIN is looked at before PATH", () => {
  const chosen = program("elsewhere/my-kilo", "echo 1.0.0");
  const onPath = program("kilo", "echo 2.0.0");
  expect(detector({ kilo: [chosen] }).locate(kilo)).toBe(chosen);
  expect(detector({ kilo: [path.join(dir, "none")] }).locate(kilo)).toBe(onPath);
});

test("[SSH20] detection looks where a session will: among several nvm versions the newest wins (M9b)", () => {
  for (const version of ["v18.20.0", "v22.1.0", "v9.0.0"]) program(`.nvm/versions/node/${version}/bin/claude`, "echo 1.0.0");
  const found = new Detector({
    env: () => ({ PATH: bootstrapPath(dir, "/usr/bin"), HOME: dir }),
    overrides: {},
    clock: systemClock,
    signal: new AbortController().signal,
  }).locate(claude);
  expect(found).toBe(path.join(dir, ".nvm/versions/node/v22.1.0/bin/claude"));
});

const boxedOf = (report: AgentTypeReport[]) => report.find(({ slug }) => slug === "boxed")?.detected;

test("the catalogue merges built-ins with files, says which files are wrong, and notices changes", async () => {
  const types = path.join(dir, "agents.d");
  mkdirSync(types);
  const one = detector();
  const catalogue = new TypeCatalogue([types], one, (name) => locateProgram([name], dir));
  expect(catalogue.refresh()).toBe(true);
  expect(catalogue.stale()).toBe(false);
  writeFileSync(path.join(types, "reviewer.yaml"), "slug: reviewer\nadapter: shell\ncapabilities: [node]\n");
  writeFileSync(path.join(types, "wrong.yaml"), "slug: wrong\nadaptor: kilo\n");
  writeFileSync(path.join(types, "boxed.yaml"), "slug: boxed\nadapter: claude\nisolate_with: docker\nimage: node:24-slim\n");
  writeFileSync(path.join(types, "z-again.yaml"), "slug: reviewer\nmode: x\n");
  expect(catalogue.stale()).toBe(true);
  expect(catalogue.refresh()).toBe(true);
  const report = await catalogue.report();
  expect(report.find(({ slug }) => slug === "reviewer")).toMatchObject({
    source: "file",
    adapter: "shell",
    capabilities: ["node"],
    file: path.join(types, "reviewer.yaml"),
  });
  expect(report.find(({ slug }) => slug === "wrong")).toMatchObject({
    detected: { state: "invalid", line: 2, problem: expect.stringContaining("did you mean 'adapter'") },
  });
  // Its CLI is in the image; what has to be here is an engine.
  expect(boxedOf(report)).toEqual({ state: "missing", lookedFor: "docker, podman", install: "apt-get install docker.io" });
  const podman = program("podman", "");
  expect(boxedOf(await catalogue.report())).toEqual({ state: "found", binary: podman, version: "" });
  expect(report.find(({ slug }) => slug === "z-again")).toMatchObject({
    detected: { state: "invalid", problem: expect.stringContaining("reviewer.yaml") },
  });
  expect(report.find(({ slug }) => slug === "claude")).toMatchObject({ source: "builtin", detected: { state: "missing" } });
  expect(catalogue.resolve("reviewer", undefined)).toMatchObject({ ok: true, value: { adapter: "shell" } });
  expect(catalogue.resolve("wrong", undefined)).toMatchObject({
    error: { code: "agent_type_invalid", detail: expect.stringContaining("wrong.yaml:2") },
  });
  expect(catalogue.resolve("claud", undefined)).toMatchObject({
    error: { code: "agent_type_not_found", hint: expect.stringContaining("claude") },
  });
  expect(catalogue.resolve("x", { slug: "x", argv: ["tool"] })).toMatchObject({ ok: true, value: { adapter: "custom" } });
  expect(catalogue.resolve("x", { slug: "x", bogus: 1 })).toMatchObject({ error: { code: "agent_type_invalid" } });
});
