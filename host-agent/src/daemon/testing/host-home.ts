/** A joined home in a short temporary directory, and a daemon on it, for tests. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { makeId } from "@maestro/shared/ids";
import { DEFAULT_SETTINGS, type Settings } from "../../config/env.ts";
import { derivePaths, ensurePrivateDir, type Paths } from "../../config/paths.ts";
import { startHostAgent, type RunningHostAgent } from "../host-agent.ts";
import type { OpenHolder } from "../holder-keeper.ts";
import { generateSealingKey, generateSigningKey, writeIdentity, type Identity } from "../identity.ts";
import { createLog, silentLog, type Log } from "../log.ts";

export interface TestHome {
  paths: Paths;
  dir: string;
  remove(): void;
}

export function makeHome(): TestHome {
  const dir = mkdtempSync(path.join(tmpdir(), "mdh-"));
  const paths = derivePaths({
    env: { MAESTRO_HOME: path.join(dir, "h") },
    userHome: dir,
    uid: process.getuid?.() ?? 0,
    tmpDir: dir,
    scope: "user",
  });
  return {
    paths: { ...paths, agentTypeDirs: [path.join(paths.home, "agents.d")] },
    dir,
    remove: () => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }),
  };
}

export function joinedHome(origin: string): TestHome & { identity: Identity } {
  const home = makeHome();
  ensurePrivateDir(home.paths.home, process.getuid?.() ?? 0);
  ensurePrivateDir(home.paths.hostDir, process.getuid?.() ?? 0);
  const identity: Identity = {
    record: {
      hostId: makeId("host", Date.now(), crypto.getRandomValues(new Uint8Array(10))),
      name: "test-host",
      fleet: "flt_test",
      url: origin,
      origin,
    },
    signing: generateSigningKey(),
    sealing: generateSealingKey(),
  };
  writeIdentity(home.paths, identity);
  return { ...home, identity };
}

export const testLog: Log =
  process.env["MAESTRO_TEST_LOG"] === undefined
    ? silentLog
    : createLog("debug", { write: (line) => void process.stderr.write(line) }, () => new Date());

export function startTestAgent(
  paths: Paths,
  openHolder: OpenHolder,
  settings: Partial<Settings> = {},
  log: Log = testLog,
): RunningHostAgent {
  const agent = startHostAgent(
    { paths, settings: { ...DEFAULT_SETTINGS, ...settings }, version: "0.0.0-test", program: [process.execPath], log },
    openHolder,
  );
  agent.failed.catch(() => {});
  return agent;
}
