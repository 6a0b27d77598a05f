/** All remote hosts that this one carries: as the control plane lists them, each with what it needs to be carried. */
import { rmSync } from "node:fs";
import * as path from "node:path";
import * as z from "zod";
import { CarriedHost as Carried, type RemoteRecord } from "@maestro/shared/contract/remote-hosts";
import type { MaestroError } from "@maestro/shared/errors";
import { carrySigningText } from "@maestro/shared/protocol/link-auth";
import { err, ok, type Result } from "@maestro/shared/result";
import { parseJson } from "../config/json.ts";
import { ensurePrivateDir } from "../config/paths.ts";
import { deadlineMs, pause, type Clock } from "../daemon/clock.ts";
import { readPrivate, writeDurably } from "../daemon/durable-file.ts";
import { generateSealingKey, generateSigningKey, signText, type KeyPair } from "../daemon/identity.ts";
import type { Log } from "../daemon/log.ts";
import { hostAuthorization } from "../link/authorization.ts";
import { callServer, readProblem } from "../link/http-call.ts";
import type { LinkTarget } from "../link/link.ts";
import type { CarriedHostDeps, CarriedKeys } from "./carried-host-deps.ts";
import { CarriedHost } from "./carried-host.ts";

export interface CarriedHostsDeps {
  /** Everything that is kept here of them. */
  dir: string;
  /** Of this host. */
  target(): LinkTarget;
  key(): KeyPair;
  epoch(): { start: number; connect: number };
  serverNowMs(): number;
  clock: Clock;
  timeScale: number;
  log: Log;
  host(carried: Carried, more: Pick<CarriedHostDeps, "carried" | "dir" | "keys" | "enrol" | "target" | "registryVersion">): CarriedHostDeps;
}

const CARRIED_PATH = "/api/v1/hosts/self/carried";
const CALL_MS = 15_000;
const AGAIN_MS = 2_000;
const AGAIN_MAX_MS = 60_000;
const CarriedList = z.object({ items: z.array(Carried) });
const KeysFile = z.object({
  signing: z.object({ public: z.string(), private: z.string() }),
  sealing: z.object({ public: z.string(), private: z.string() }),
});

interface Running {
  /** What it was made of: another one takes its place when that changes. */
  stamp: string;
  abort: AbortController;
  done: Promise<void>;
}

export class CarriedHosts {
  readonly #deps: CarriedHostsDeps;
  readonly #running = new Map<string, Running>();
  readonly #hosts = new Map<string, { record: RemoteRecord; host: CarriedHost }>();
  /** Of the registry, as a link told it. */
  #version = -1;
  #seen = -1;
  #wake = Promise.withResolvers<void>();

  constructor(deps: CarriedHostsDeps) {
    this.#deps = deps;
  }

  /** Membership may have changed. */
  registryVersion(version: number): void {
    if (version === this.#version) return;
    this.#version = version;
    this.#wake.resolve();
  }

  /** A check found that what a record leads to can be used. */
  async reachable({ address, port, user }: RemoteRecord): Promise<void> {
    for (const { record, host } of this.#hosts.values())
      if (record.address === address && record.port === port && record.user === user) await host.tryAgain();
  }

  /** Until aborted; what runs on them goes on. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, timeScale, log } = this.#deps;
    let failures = 0;
    signal.addEventListener("abort", () => this.#wake.resolve(), { once: true });
    while (!signal.aborted) {
      if (this.#seen === this.#version) await this.#wake.promise;
      this.#wake = Promise.withResolvers();
      if (signal.aborted) break;
      const version = this.#version;
      const listed = await this.#list(signal);
      if (listed.ok) {
        failures = 0;
        this.#seen = version;
        await this.#become(listed.value, signal);
        continue;
      }
      failures += 1;
      log.debug("which hosts are carried cannot be asked", { why: listed.error.detail });
      await pause(clock, Math.min(AGAIN_MAX_MS, AGAIN_MS * 2 ** Math.min(failures, 5)) * timeScale, signal);
    }
    await Promise.all([...this.#running.values()].map(({ done }) => done));
  }

  async #become(hosts: readonly Carried[], signal: AbortSignal): Promise<void> {
    const wanted = new Map(hosts.map((host) => [host.id, host]));
    for (const [id, running] of this.#running) {
      const host = wanted.get(id);
      if (host !== undefined && stampOf(host) === running.stamp) continue;
      running.abort.abort();
      // Its attempts are taken up by whoever comes after it, and by nobody beside it.
      await running.done;
      this.#running.delete(id);
    }
    for (const host of hosts) if (!this.#running.has(host.id) && !signal.aborted) this.#begin(host, signal);
  }

  #begin(carried: Carried, signal: AbortSignal): void {
    const abort = new AbortController();
    const done = this.#keepCarrying(carried, AbortSignal.any([signal, abort.signal]));
    this.#running.set(carried.id, { stamp: stampOf(carried), abort, done });
  }

  /** A full disk is no reason to leave a host alone for ever. */
  async #keepCarrying(carried: Carried, signal: AbortSignal): Promise<void> {
    const { clock, timeScale, log } = this.#deps;
    for (let failures = 0; !signal.aborted; failures++) {
      const failed = new AbortController();
      try {
        return await this.#carry(carried, AbortSignal.any([signal, failed.signal]));
      } catch (cause) {
        failed.abort();
        log.error("a remote host cannot be carried", {
          host: carried.name,
          cause: cause instanceof Error ? (cause.stack ?? cause.message) : String(cause),
        });
      }
      await pause(clock, Math.min(AGAIN_MAX_MS, AGAIN_MS * 2 ** Math.min(failures, 5)) * timeScale, signal);
    }
  }

  async #carry(carried: Carried, signal: AbortSignal): Promise<void> {
    const { host, dir: below, target } = this.#deps;
    const dir = path.join(below, carried.id);
    ensurePrivateDir(below, process.getuid?.() ?? 0);
    ensurePrivateDir(dir, process.getuid?.() ?? 0);
    const keys = keysOf(dir);
    const deps = host(carried, {
      carried,
      dir,
      keys,
      enrol: (stopped) => this.#enrol(carried.id, keys, stopped),
      target: () => ({ ...target(), claimant: { ...target().claimant, hostId: carried.id } }),
      registryVersion: (version) => this.registryVersion(version),
    });
    const one = new CarriedHost(deps);
    this.#hosts.set(carried.id, { record: carried.record, host: one });
    await one.run(signal).finally(() => this.#hosts.delete(carried.id));
  }

  async #list(signal: AbortSignal): Promise<Result<Carried[]>> {
    const answer = await this.#call("GET", CARRIED_PATH, undefined, signal);
    if (!answer.ok) return answer;
    const list = CarriedList.safeParse(answer.value);
    return list.success ? ok(list.data.items) : err(readProblem(200, answer.value));
  }

  async #enrol(id: string, keys: CarriedKeys, signal: AbortSignal): Promise<Result<void>> {
    const { claimant } = this.#deps.target();
    const signingKey = keys.signing.public;
    const sealingKey = keys.sealing.public;
    const proof = signText(this.#deps.key(), carrySigningText(claimant.origin, claimant.hostId, id, signingKey, sealingKey));
    const answer = await this.#call("POST", `${CARRIED_PATH}/${id}`, { signingKey, sealingKey, proof }, signal);
    return answer.ok ? ok(undefined) : answer;
  }

  async #call(method: "GET" | "POST", at: string, body: unknown, signal: AbortSignal): Promise<Result<unknown, MaestroError>> {
    const { target, key, epoch, serverNowMs, timeScale } = this.#deps;
    const { url, pin, claimant } = target();
    const authorization = hostAuthorization(claimant, { key: key(), epoch: epoch(), timeMs: serverNowMs(), method, path: at });
    const answer = await callServer({
      url,
      ...(pin === undefined ? {} : { pin }),
      method,
      path: at,
      headers: { authorization },
      ...(body === undefined ? {} : { body }),
      timeoutMs: deadlineMs(CALL_MS, timeScale),
      signal,
    });
    if (!answer.ok) return answer;
    const { status, json } = answer.value;
    return status >= 200 && status < 300 ? ok(json) : err(readProblem(status, json));
  }
}

const stampOf = (host: Carried): string => JSON.stringify(host);

/** Made once for each; a damaged file is as good as none, since new keys take the place of old ones. */
function keysOf(dir: string): CarriedKeys {
  const file = path.join(dir, "keys.json");
  const known = KeysFile.safeParse(parseJson(readPrivate(file) ?? ""));
  if (known.success) return known.data;
  rmSync(file, { force: true });
  const keys = { signing: generateSigningKey(), sealing: generateSealingKey() };
  writeDurably(file, `${JSON.stringify(keys)}\n`);
  return keys;
}
