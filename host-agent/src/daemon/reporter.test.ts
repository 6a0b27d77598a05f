import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Detector } from "../adapters/detect.ts";
import { locateProgram } from "../adapters/locate.ts";
import { TypeCatalogue } from "../adapters/types/catalogue.ts";
import { systemClock } from "./clock.ts";
import { silentLog } from "./log.ts";
import { Reporter } from "./reporter.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), "mr-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

test("the log says once of each type file why its type cannot be used, or what of it is not applied", async () => {
  const write = (name: string, text: string): string => {
    const file = path.join(dir, name);
    writeFileSync(file, text);
    return file;
  };
  const boxed = write("boxed.yaml", "slug: boxed\nadapter: shell\nisolate_with: docker\n");
  write("limited.yaml", "slug: limited\nadapter: shell\nisolate_with: docker\nimage: node:24-slim\nresources: { pids: 9 }\n");
  const small = write("small.yaml", "slug: small\nadapter: shell\nresources: { pids: 9 }\n");
  const wrong = write("wrong.yaml", "slug: wrong\nadaptor: shell\n");
  write("plain.yaml", "slug: plain\nadapter: shell\nisolate_with: none\nresource_limits: {}\n");
  const detector = new Detector({ env: () => ({ PATH: dir }), overrides: {}, clock: systemClock, signal: new AbortController().signal });
  const warned: object[] = [];
  const reporter = new Reporter({
    catalogue: new TypeCatalogue([dir], detector, (name) => locateProgram([name], dir)),
    clock: systemClock,
    timeScale: 1,
    log: { ...silentLog, warn: (message, fields = {}) => void warned.push({ message, ...fields }) },
    dir,
    send: () => undefined,
    isUp: () => false,
  });
  await reporter.detect();
  await reporter.detect();
  expect(warned).toEqual([
    { message: "an agent type cannot be used", file: boxed, line: 1, problem: expect.stringContaining("needs the `image`") },
    { message: "an agent type cannot be used", file: wrong, line: 2, problem: expect.stringContaining("adaptor") },
    { message: "keys of an agent type are not applied to its sessions", file: small, slug: "small", keys: "resource_limits" },
  ]);
});
