/** What ends a terminal there, in every shell that it may meet, on real processes. */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { readStat } from "../holder/processes.ts";
import { endScript, here, prepareScript } from "./terminal-scripts.ts";

const SESSION = "ses_one";
const undos: (() => void)[] = [];
afterEach(() => {
  for (const undo of undos.splice(0)) undo();
});

describe.each([
  ["dash", ["/bin/dash"]],
  ["bash", ["/bin/bash"]],
  ["busybox", ["/bin/busybox", "sh"]],
] as const)("%s", (_name, [file, ...before]) => {
  async function running() {
    const home = mkdtempSync(path.join(tmpdir(), "mterm-"));
    undos.push(() => rmSync(home, { recursive: true, force: true }));
    const env = { HOME: home, PATH: process.env["PATH"] };
    const sh = (script: string) => spawnSync(file, [...before, "-c", script], { env, encoding: "utf8" });
    expect(sh(prepareScript({ session: SESSION, cwd: home, argv: ["sleep", "1000"], env: {} }, "never")).stdout).toBe("ready bound\n");
    const child = spawn(file, [...before, "-c", `${here(SESSION)}; . "$d/open"`], { env, stdio: "ignore", detached: true });
    const { pid } = child;
    if (pid === undefined) throw new Error("it was not started");
    undos.push(() => child.kill("SIGKILL"));
    const note = path.join(home, ".maestro-remote/terminals", SESSION, "pid");
    await expect.poll(() => (existsSync(note) ? readFileSync(note, "utf8") : "")).toMatch(/\n.+\n$/);
    const isThere = () => ![undefined, "Z"].includes(readStat(pid)?.state);
    const text = readFileSync(note, "utf8");
    // A version before reads the first line, as a pid.
    expect(text.split("\n")[0]).toBe(String(pid));
    const words = text.trim().split(/\s/);
    // Its pid alone would name whatever has it next.
    expect(words).toEqual([String(pid), readStat(pid)?.started, expect.stringMatching(/./)]);
    const write = ([lead, ...rest]: readonly string[]) =>
      writeFileSync(note, [lead, ...(rest.length === 0 ? [] : [rest.join(" ")]), ""].join("\n"));
    const end = () => sh(endScript(SESSION, 0, "session")).status;
    return { isThere, end, words, write, note };
  }

  test("what was begun for it is ended", async () => {
    const { isThere, end, note } = await running();
    expect(isThere()).toBe(true);
    expect(end()).toBe(0);
    expect([isThere(), existsSync(note)]).toEqual([false, false]);
  });

  test("so is what a version before noted by its pid alone", async () => {
    const { isThere, end, words, write } = await running();
    write(words.slice(0, 1));
    expect(end()).toBe(0);
    expect(isThere()).toBe(false);
  });

  test("where nothing is noted of it nothing is ended, and that is no failure", () => {
    const home = mkdtempSync(path.join(tmpdir(), "mterm-"));
    undos.push(() => rmSync(home, { recursive: true, force: true }));
    const ended = spawnSync(file, [...before, "-c", endScript("ses_none", 0, "all")], {
      env: { HOME: home, PATH: process.env["PATH"] },
      encoding: "utf8",
    });
    expect(ended).toMatchObject({ status: 0, stderr: "" });
  });

  test.each([
    ["began at another time", (words: readonly string[]) => [words[0], `${words[1] ?? ""}0`, words[2]]],
    ["is of another life of its machine or container", (words: readonly string[]) => [words[0], words[1], `${words[2] ?? ""}0`]],
  ])("what has its pid and %s is not", async (_which, other) => {
    const { isThere, end, words, write, note } = await running();
    write(other(words).map((word) => word ?? "?"));
    expect(end()).toBe(0);
    expect([isThere(), existsSync(note)]).toEqual([true, false]);
  });
});

// That of busybox has no `-p`, and is not met without /proc.
test.each([["/bin/dash"], ["/bin/bash"]])("without /proc what was begun is ended from another time zone too: %s", async (file) => {
  const home = mkdtempSync(path.join(tmpdir(), "mterm-"));
  undos.push(() => rmSync(home, { recursive: true, force: true }));
  const env = (TZ: string) => ({ HOME: home, PATH: process.env["PATH"], TZ });
  const sh = (script: string) =>
    spawnSync(file, ["-c", script.replaceAll("/proc/", "/nonexistent/")], { env: env("JST-9"), encoding: "utf8" });
  sh(prepareScript({ session: SESSION, cwd: home, argv: ["sleep", "1000"], env: {} }, "never"));
  const child = spawn(file, ["-c", `${here(SESSION)}; . "$d/open"`], { env: env("UTC0"), stdio: "ignore", detached: true });
  const { pid } = child;
  if (pid === undefined) throw new Error("it was not started");
  undos.push(() => child.kill("SIGKILL"));
  const ended = new Promise((resolve) => {
    child.once("exit", (_code, signal) => resolve(signal));
  });
  const note = path.join(home, ".maestro-remote/terminals", SESSION, "pid");
  await expect.poll(() => (existsSync(note) ? readFileSync(note, "utf8") : "")).toMatch(/unknown\/.+\n$/);
  expect(sh(endScript(SESSION, 0, "session")).status).toBe(0);
  expect(readStat(pid)?.state ?? "gone").toMatch(/Z|gone/);
  await ended;
});
