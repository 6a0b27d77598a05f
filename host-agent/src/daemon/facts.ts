/** What this host says of itself in `hello`. */
import * as os from "node:os";
import { VERSIONS } from "@maestro/shared/protocol/version";
import { KNOWN_NEEDS } from "@maestro/shared/protocol/task-needs";
import { locateProgram } from "../adapters/locate.ts";
import type { HolderFacts } from "../holder/types.ts";
import type { HelloFacts } from "../link/hello.ts";

export interface FactInputs {
  agentVersion: string;
  instance: string;
  bootId: string;
  policyDigest: string;
  roots: readonly string[];
  maxConcurrent: number;
  holder: HolderFacts | undefined;
  searchPath: string;
  /** Things that do not work but stop nobody. */
  degraded: readonly string[];
}

export function helloFacts({
  agentVersion,
  instance,
  bootId,
  policyDigest,
  roots,
  maxConcurrent,
  holder,
  searchPath,
  degraded,
}: FactInputs): HelloFacts {
  const has = (program: string) => locateProgram([program], searchPath) !== undefined;
  const tmux = holder?.tmux?.replace(/^tmux /, "");
  return {
    versions: VERSIONS,
    agentVersion,
    instance,
    bootId,
    platform: {
      os: os.platform(),
      arch: os.arch(),
      release: os.release().slice(0, 128),
      hostname: os.hostname().slice(0, 255),
      node: process.versions.node,
      cpus: os.availableParallelism(),
      memoryBytes: os.totalmem(),
      ...(tmux === undefined ? {} : { tmux: tmux.slice(0, 32) }),
    },
    capabilities: [
      ...(tmux === undefined ? [] : ["tmux"]),
      ...(holder?.pty === true ? ["pty"] : []),
      ...["docker", "git"].filter(has),
      ...(has("nvidia-smi") ? ["gpu"] : []),
      `tasks:${maxConcurrent}`,
      ...KNOWN_NEEDS,
      ...degraded.map((what) => `degraded:${what}`.slice(0, 64)),
    ],
    policyDigest,
    roots: roots.slice(0, 32),
  };
}
