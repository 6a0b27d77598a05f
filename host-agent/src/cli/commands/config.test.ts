/** [SKILL24] `maestro config get|set|reset` */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { problemOf, runCli } from "../testing/run-cli.ts";

let home: string;
beforeEach(() => {
  home = mkdtempSync(path.join(tmpdir(), "maestro-config-"));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const cli = (argv: string, env: Record<string, string> = {}) => runCli(argv.split(" "), { env: { MAESTRO_HOME: home, ...env } });
const file = () => path.join(home, "config.json");
const stored = (): unknown => JSON.parse(readFileSync(file(), "utf8"));

describe("config", { timeout: 30_000 }, () => {
  test("get shows each setting and where it comes from: environment before file before default", async () => {
    writeFileSync(file(), JSON.stringify({ maxConcurrent: 8, logLevel: "warn" }));
    const all = JSON.parse((await cli("config get --json", { MAESTRO_LOG_LEVEL: "debug" })).stdout);
    expect(all).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ name: "logLevel", value: "debug", from: "environment", variable: "MAESTRO_LOG_LEVEL" }),
        expect.objectContaining({ name: "maxConcurrent", value: 8, from: "file" }),
        expect.objectContaining({ name: "workspaceRoot", value: "/tmp/maestro-workspaces", from: "default" }),
        expect.objectContaining({ name: "profile", value: null, from: "default" }),
      ]),
    );
    expect(await cli("config get maxConcurrent")).toEqual({ code: 0, stdout: "8\n", stderr: "" });
  });

  test("set writes what was checked, for this user only, and leaves the rest", async () => {
    expect(await cli("config set maxConcurrent 8")).toMatchObject({ code: 0, stdout: "maxConcurrent is 8 now.\n" });
    await cli("config set allowHttp 100.64.0.0/10,10.0.0.0/8");
    expect(stored()).toEqual({ maxConcurrent: 8, allowHttp: ["100.64.0.0/10", "10.0.0.0/8"] });
    expect(statSync(file()).mode & 0o077).toBe(0);
    const covered = await cli("config set logLevel warn", { MAESTRO_LOG_LEVEL: "debug" });
    expect(covered.stderr).toContain("MAESTRO_LOG_LEVEL is set, and goes before the file.");
  });

  test.each<[string, string, string, string | undefined, string]>([
    ["a number that is none", "config set maxConcurrent many", "field_invalid", "maxConcurrent", ""],
    ["one out of range", "config set maxConcurrent 0", "field_invalid", "maxConcurrent", ""],
    ["a relative directory", "config set workspaceRoot work", "field_invalid", "workspaceRoot", ""],
    ["an unknown setting", "config set maxConcurent 8", "unknown_field", "name", "Did you mean maxConcurrent"],
    ["an unknown setting to show", "config get xyzzy", "unknown_field", "name", "One of profile, logLevel"],
    ["a login that is not stored", "config set profile work", "field_invalid", "value", "maestro login"],
    ["a reset to nothing said", "config reset", "usage", "to-default", "--to-default"],
    ["a reset that nobody can be asked about", "config reset --to-default", "confirmation_required", "yes", "--yes"],
    ["a reset of the login", "config reset --to-default profile --yes", "field_invalid", "profile", "config set profile"],
  ])("%s is refused, and nothing is written", async (_what, argv, code, field, hint) => {
    const run = await cli(`${argv} --json`);
    expect(run).toMatchObject({ code: 2, stdout: "" });
    expect(problemOf(run)).toMatchObject({ code, field, ...(hint === "" ? {} : { hint: expect.stringContaining(hint) }) });
    expect(existsSync(file())).toBe(false);
  });

  test.each([
    ["maxConcurrent", "many", "must be a whole number from 1 to 1000."],
    ["maxConcurrent", "1.5", "must be a whole number from 1 to 1000."],
    ["maxConcurrent", "0", "must be a whole number from 1 to 1000."],
    ["minFreeMb", "2000000", "must be a number from 0 to 1000000."],
    ["timeScale", "fast", "must be a number from 0.0001 to 100."],
  ])("%s is told what it may be: %s", async (name, value, words) => {
    const run = await cli(`config set ${name} ${value} --json`);
    expect(problemOf(run)).toMatchObject({ code: "field_invalid", field: name, detail: `'${value}': ${name}: ${words}` });
  });

  test("reset sets one or all back, also a file that cannot be read, and touches nothing else", async () => {
    mkdirSync(path.join(home, "host"));
    writeFileSync(path.join(home, "host", "identity.json"), "{}");
    const profiles = {
      version: 1,
      current: "a",
      profiles: { a: { url: "http://127.0.0.1:1", token: "t" }, b: { url: "http://127.0.0.1:2", token: "u" } },
    };
    writeFileSync(path.join(home, "profiles.json"), JSON.stringify(profiles), { mode: 0o600 });
    writeFileSync(file(), JSON.stringify({ maxConcurrent: 8, minFreeMb: 3 }));
    expect((await cli("config set profile b")).code).toBe(0);
    expect((await cli("config get profile")).stdout).toBe("b\n");
    expect((await cli("config reset --to-default maxConcurrent --yes")).code).toBe(0);
    expect(stored()).toEqual({ minFreeMb: 3 });
    writeFileSync(file(), "{");
    expect((await cli("config get --json")).code).toBe(2);
    expect(await cli("config reset --to-default --yes")).toMatchObject({ code: 0, stdout: "All settings are at default again.\n" });
    expect(existsSync(file())).toBe(false);
    expect((await cli("config reset --to-default --yes")).code).toBe(0);
    expect(readdirSync(home).toSorted()).toEqual(["host", "profiles.json"]);
    expect((await cli("config get profile")).stdout).toBe("b\n");
  });
});
