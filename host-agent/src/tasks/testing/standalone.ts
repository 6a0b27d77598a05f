/** Tasks of a directory without a daemon around them. */
import * as path from "node:path";
import type { HostFrame } from "@maestro/shared/protocol/link";
import { Detector } from "../../adapters/detect.ts";
import { TypeCatalogue } from "../../adapters/types/catalogue.ts";
import { systemClock } from "../../daemon/clock.ts";
import { generateSealingKey } from "../../daemon/identity.ts";
import { silentLog } from "../../daemon/log.ts";
import { openPolicy } from "../../daemon/policy.ts";
import { readBootId } from "../../daemon/process-identity.ts";
import { baseEnv } from "../../holder/launch.ts";
import { createHostTasks, type HostTasksDeps } from "../host-tasks.ts";
import { noImages } from "./images.ts";
import type { IsolatingTasks } from "../../carrier/isolated-work.ts";

export interface Standalone {
  tasks: IsolatingTasks;
  sealing: ReturnType<typeof generateSealingKey>;
  sent: HostFrame[];
  stop(): Promise<void>;
}

export function standaloneTasks(
  dir: string,
  more: Partial<HostTasksDeps> = {},
  ownEnv: Readonly<Record<string, string | undefined>> = process.env,
): Standalone {
  const abort = new AbortController();
  const env = () => baseEnv(process.env);
  const detector = new Detector({ env, overrides: {}, clock: systemClock, signal: abort.signal });
  const sealing = generateSealingKey();
  const sent: HostFrame[] = [];
  const tasks = createHostTasks({
    attemptsDir: path.join(dir, "attempts"),
    runnerDir: path.join(dir, "runner"),
    bootId: readBootId(),
    clock: systemClock,
    timeScale: 1,
    log: silentLog,
    work: {
      catalogue: new TypeCatalogue([], detector, () => undefined),
      detector,
      policy: openPolicy,
      place: {
        rules: {
          roots: [dir],
          forbidden: [path.join(dir, "attempts")],
          trustedOwners: new Set([0, process.getuid?.() ?? 0]),
          userHome: dir,
        },
        root: path.join(dir, "ws"),
        env: env(),
      },
      baseEnv: env,
      ownEnv,
    },
    sealing: () => sealing,
    images: noImages,
    isolation: { host: "hst_standalone", base: path.join(dir, "kept") },
    sessions: () => new Set(),
    typeDirs: [],
    signal: abort.signal,
    maxConcurrent: 8,
    minFreeBytes: 0,
    logLimitBytes: 1024 ** 3,
    draining: () => false,
    offsetMs: () => 0,
    send: (frame) => void sent.push(frame),
    passed: () => {},
    ...more,
  });
  const running = tasks.run(abort.signal);
  return {
    tasks,
    sealing,
    sent,
    async stop() {
      abort.abort();
      await running;
    },
  };
}
