/** What a remote host is carried with. */
import type { CarriedHost as Carried } from "@maestro/shared/contract/remote-hosts";
import type { Result } from "@maestro/shared/result";
import type { Clock } from "../daemon/clock.ts";
import type { OpenHolder } from "../daemon/holder-keeper.ts";
import type { KeyPair } from "../daemon/identity.ts";
import type { Log } from "../daemon/log.ts";
import type { Policy } from "../daemon/policy.ts";
import type { LinkTarget } from "../link/link.ts";
import type { SshTarget } from "../transports/ssh-target.ts";
import type { RemoteShell } from "./remote-shell.ts";

export interface CarriedKeys {
  signing: KeyPair;
  sealing: KeyPair;
}

export interface CarriedHostDeps {
  carried: Carried;
  shell: RemoteShell;
  /** Of a container there; `none`: of the machine itself. */
  containerShell(container: string): RemoteShell;
  sshTarget(): Promise<Result<SshTarget>>;
  /** A script there that sees the ssh-agent of this machine. */
  openWithAgent: RemoteShell["open"];
  /** What is known of failures to reach it is forgotten. */
  forgive(): Promise<void>;
  /** Keys of hosts that somebody accepted here. */
  hostKeysFile: string;
  /** Of this machine: it holds the sessions there as well. */
  openHolder: OpenHolder;
  /** argv that starts this program. */
  program: readonly string[];
  /** Sets PATH there, so that agent CLIs are found. */
  prelude: string;
  /** Below it is everything that is kept here of it. */
  dir: string;
  keys: CarriedKeys;
  /** Hands the keys in; once more is as good. */
  enrol(signal: AbortSignal): Promise<Result<void>>;
  target(): LinkTarget;
  start: number;
  version: string;
  instance: string;
  bootId: string;
  policy: Policy;
  typeDirs: readonly string[];
  ownEnv: Readonly<Record<string, string | undefined>>;
  maxConcurrent: number;
  minFreeBytes: number;
  logLimitBytes: number;
  clock: Clock;
  timeScale: number;
  log: Log;
  registryVersion(version: number): void;
}
