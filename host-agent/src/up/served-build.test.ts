import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readManifest, type Artifacts } from "./artifacts.ts";
import { buildId, serveOwnCopy } from "./served-build.ts";

let home: string;
let builds: string;
let built: Artifacts;
beforeEach(() => {
  home = mkdtempSync(path.join(tmpdir(), "mbuild-"));
  builds = path.join(home, "builds");
  built = writeBuild(path.join(home, "dist"));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

describe("the build a control plane serves", () => {
  test("a rebuild changes nothing under the running one, and the next start takes it and drops the old copy", () => {
    const first = serveOwnCopy(builds, built);
    writeFileSync(path.join(built.console, "index.html"), "second");
    writeFileSync(built.worker, "second worker");
    expect([text(first.worker), text(path.join(first.console, "index.html"))]).toEqual(["worker", "page"]);

    const second = serveOwnCopy(builds, built);
    expect([text(second.worker), text(path.join(second.console, "index.html"))]).toEqual(["second worker", "second"]);
    expect(readdirSync(builds)).toEqual([second.id]);
    expect(second.id).not.toBe(first.id);
  });

  test("an unchanged build is not copied again", () => {
    const first = serveOwnCopy(builds, built);
    chmodSync(first.worker, 0o400);
    expect(serveOwnCopy(builds, built)).toEqual(first);
  });

  test("a copy that lost bytes in a power cut is made anew", () => {
    const first = serveOwnCopy(builds, built);
    writeFileSync(path.join(first.console, "assets/a.js"), "");
    mkdirSync(path.join(builds, `${first.id}.partial`));
    expect(text(path.join(serveOwnCopy(builds, built).console, "assets/a.js"))).toBe("script");
    expect(readdirSync(builds)).toEqual([first.id]);
  });

  test.each([
    ["a byte of the Worker", (build: Artifacts) => writeFileSync(build.worker, "worker!")],
    ["a new migration", (build: Artifacts) => writeFileSync(path.join(build.migrations, "0001.sql"), "")],
    ["a renamed asset", (build: Artifacts) => writeFileSync(path.join(build.console, "assets/b.js"), "script")],
    ["the manifest", (build: Artifacts) => writeFileSync(build.manifestFile, "{}")],
  ])("%s makes another build", (_what, change) => {
    const before = buildId(built);
    change(built);
    expect(buildId(built)).not.toBe(before);
  });

  const CHANGING = /backend_unavailable.*is being replaced/;

  test.each([
    ["a file of it is gone", (build: Artifacts) => rmSync(build.worker)],
    ["a directory of it is gone", (build: Artifacts) => rmSync(build.console, { recursive: true })],
    [
      "a directory of it is gone, and nothing there is named",
      (build: Artifacts) => rmSync(path.dirname(build.worker), { recursive: true }),
    ],
  ])("one that is just being replaced is told as that, not as the copy's failure: %s", (_what, change) => {
    change(built);
    expect(() => buildId(built)).toThrow(CHANGING);
    expect(() => serveOwnCopy(builds, built)).toThrow(CHANGING);
  });

  test.each([
    ["a directory vanishes", (build: Artifacts) => rmSync(build.migrations, { recursive: true })],
    ["a file changes", (build: Artifacts) => writeFileSync(path.join(build.migrations, "0000.sql"), "CREATE TABLE b(c)")],
  ])("one that changes between reading and copying is told as that, and the next start serves it: %s", (_what, change) => {
    let looks = 0;
    const changing: Artifacts = {
      ...built,
      get migrations() {
        if (++looks === 2) change(built);
        return built.migrations;
      },
    };
    expect(() => serveOwnCopy(builds, changing)).toThrow(CHANGING);
    mkdirSync(built.migrations, { recursive: true });
    const { id } = serveOwnCopy(builds, built);
    expect(readdirSync(builds)).toEqual([id]);
  });

  test.each(["", "{", "{}"])("a manifest that is half written (%j) is one, too", (half) => {
    writeFileSync(built.manifestFile, half);
    expect(() => readManifest(built.manifestFile)).toThrow(CHANGING);
  });

  test("a place that takes no copy is told as such", () => {
    writeFileSync(builds, "a file");
    expect(() => serveOwnCopy(builds, built)).toThrow(/state_unwritable/);
  });
});

function writeBuild(dist: string): Artifacts {
  const at = (name: string): string => path.join(dist, name);
  mkdirSync(at("console/assets"), { recursive: true });
  mkdirSync(at("migrations"));
  writeFileSync(at("worker.js"), "worker");
  writeFileSync(at("manifest.json"), "{ }");
  writeFileSync(at("migrations/0000.sql"), "CREATE TABLE a(b)");
  writeFileSync(at("console/index.html"), "page");
  writeFileSync(at("console/assets/a.js"), "script");
  const manifest = { compatibilityDate: "", compatibilityFlags: [], objects: [], rateLimits: [], vars: {} };
  return { worker: at("worker.js"), manifestFile: at("manifest.json"), migrations: at("migrations"), console: at("console"), manifest };
}

const text = (file: string): string => readFileSync(file, "utf8");
