/** The control-plane process: workerd through miniflare, its migrations and its door. Ends with its standard input. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import * as path from "node:path";
import * as z from "zod";
import { MaestroFailure } from "@maestro/shared/errors";
import { ControlPlaneConfig, type ControlPlaneEvent } from "./control-plane-wire.ts";
import { openFront, type Front } from "./front.ts";
import { MIGRATOR, pendingMigrations, readMigrations } from "./migrations.ts";
import { childNamed } from "./process-identity.ts";

type Miniflare = InstanceType<(typeof import("miniflare"))["Miniflare"]>;
const NAME = "maestro";
/** Entry points of the built Worker; see `host-agent/bundle.ts`. */
const ENTRY = "embedded";

export async function runControlPlane(firstLine: string, report: (event: ControlPlaneEvent) => void, ended: Promise<void>): Promise<void> {
  const config = ControlPlaneConfig.parse(JSON.parse(firstLine));
  let runtime: Miniflare | undefined;
  let front: Front | undefined;
  try {
    const names = await migrate(config);
    if (names.length > 0) report({ t: "migrated", names });
    const guarded = config.tls !== undefined || config.allowHttp !== undefined;
    let upstreamPort = 0;
    const lost = Promise.withResolvers<never>();
    lost.promise.catch(() => undefined);
    const started = await startRuntime(config, guarded, lost.reject, async () => {
      upstreamPort = await directPort(started);
      report({ t: "restarted", runtimePid: runtimePid() });
    });
    runtime = started;
    upstreamPort = await directPort(started);
    if (guarded)
      front = await openFront({
        bind: config.bind,
        port: config.port,
        tls: config.tls,
        allowHttp: config.allowHttp ?? [],
        upstreamPort: () => upstreamPort,
      });
    report({ t: "ready", runtimePid: runtimePid() });
    await Promise.race([ended, lost.promise]);
  } catch (error) {
    report(describe(error, config));
  } finally {
    await front?.close();
    await runtime?.dispose();
  }
}

/** @param onLost workerd ended while it was being started again: miniflare says so in its log only, and tries no more. */
async function startRuntime(
  config: ControlPlaneConfig,
  guarded: boolean,
  onLost: (error: Error) => void,
  onRestart: () => Promise<void>,
): Promise<Miniflare> {
  const { manifest } = config;
  const { Miniflare, Log, LogLevel, convertV4MiniflareOptions } = await import("miniflare");
  class RuntimeLog extends Log {
    override error(error: Error): void {
      super.error(error);
      if ("code" in error && error.code === "ERR_RUNTIME_FAILURE") onLost(error);
    }
  }
  const runtime = new Miniflare(
    convertV4MiniflareOptions({
      ...shared(config),
      log: new RuntimeLog(LogLevel.ERROR),
      unsafeHandleRuntimeRestart: () => void onRestart().catch(() => undefined),
      workers: [
        {
          name: NAME,
          modules: [{ type: "ESModule", path: "worker.js", contents: readFileSync(config.worker, "utf8") }],
          compatibilityDate: manifest.compatibilityDate,
          compatibilityFlags: manifest.compatibilityFlags,
          bindings: {
            ...manifest.vars,
            ...config.bindings,
            // There is one isolate: it counts itself, where an emulated binding would write each request down.
            RATE_LIMITS: JSON.stringify(manifest.rateLimits),
            EMBEDDED_FRONT: guarded ? "1" : "",
          },
          d1Databases: { DB: NAME },
          durableObjects: Object.fromEntries(manifest.objects.map(({ binding, className }) => [binding, { className, useSQLite: true }])),
          assets: {
            directory: config.console,
            binding: "ASSETS",
            run_worker_first: true,
            routerConfig: { has_user_worker: true },
            assetConfig: { not_found_handling: "single-page-application" },
          },
          unsafeDirectSockets: [
            guarded
              ? { host: "127.0.0.1", port: 0, entrypoint: ENTRY, proxy: true }
              : { host: config.bind, port: config.port, entrypoint: ENTRY },
          ],
        },
      ],
    }),
  );
  await runtime.ready;
  return runtime;
}

/** Our own sockets only: nothing of the emulator's (explorer, inspector, registry of other projects) is opened. */
const shared = ({ stateDir }: ControlPlaneConfig) => ({
  host: "127.0.0.1",
  port: 0,
  cf: false,
  logRequests: false,
  resourcePersistencePath: stateDir,
  resourceTmpPath: path.join(stateDir, "tmp"),
  telemetry: { enabled: false },
});

async function directPort(runtime: Miniflare): Promise<number> {
  return Number((await runtime.unsafeGetDirectURL(NAME, ENTRY)).port);
}

function runtimePid(): number {
  const found = childNamed(process.pid, "workerd");
  if (found === undefined) throw new Error("workerd is not among the children of the control-plane process");
  return found.pid;
}

/** Names applied now. A note in the state saves starting workerd twice when nothing is pending. */
async function migrate(config: ControlPlaneConfig): Promise<string[]> {
  const all = readMigrations(config.migrations);
  const note = path.join(config.stateDir, "d1", "migrated.json");
  const noted = readNote(note);
  if (noted !== undefined && pendingMigrations(all, noted).length === 0) return [];
  mkdirSync(config.stateDir, { recursive: true, mode: 0o700 });
  const { Miniflare, Log, LogLevel, convertV4MiniflareOptions } = await import("miniflare");
  const runtime = new Miniflare(
    convertV4MiniflareOptions({
      ...shared(config),
      log: new Log(LogLevel.NONE),
      handleStructuredLogs: () => undefined,
      workers: [
        {
          name: NAME,
          modules: [{ type: "ESModule", path: "migrator.js", contents: MIGRATOR }],
          compatibilityDate: config.manifest.compatibilityDate,
          d1Databases: { DB: NAME },
        },
      ],
    }),
  );
  try {
    const answer = await runtime.dispatchFetch("http://migrator/");
    if (!answer.ok) throw new Error(await answer.text());
    const pending = pendingMigrations(all, z.array(z.string()).parse(await answer.json()));
    for (const { name, statements } of pending) {
      const applied = await runtime.dispatchFetch("http://migrator/", { method: "POST", body: JSON.stringify({ name, statements }) });
      if (!applied.ok) throw new Error(`${name}: ${await applied.text()}`);
    }
    rmSync(note, { force: true });
    writeFileSync(note, JSON.stringify(all.map(({ name }) => name)), { mode: 0o600 });
    return pending.map(({ name }) => name);
  } finally {
    await runtime.dispose();
  }
}

function readNote(file: string): string[] | undefined {
  if (!existsSync(file)) return undefined;
  try {
    return z.array(z.string()).parse(JSON.parse(readFileSync(file, "utf8")));
  } catch {
    return undefined;
  }
}

function describe(error: unknown, { stateDir, bind, port }: ControlPlaneConfig): ControlPlaneEvent {
  if (error instanceof MaestroFailure) {
    const { code, detail, hint } = error.error;
    return { t: "failed", code, detail, ...(hint === undefined ? {} : { hint }) };
  }
  const message = error instanceof Error ? error.message : String(error);
  if (/EADDRINUSE|ERR_ADDRESS_IN_USE|Address already in use/i.test(`${message} ${errorCode(error)}`))
    return { t: "failed", code: "port_in_use", detail: `Port ${port} of ${bind} is taken.` };
  if (/EADDRNOTAVAIL|EACCES/.test(errorCode(error)))
    return {
      t: "failed",
      code: "field_invalid",
      detail: `This machine cannot listen on ${bind} port ${port} (${errorCode(error)}).`,
      hint: "Choose one of its own addresses, and a port from 1024 on.",
    };
  if (/SQLITE|malformed|not a database|disk I\/O|unable to open/i.test(message)) {
    return {
      t: "failed",
      code: "state_unwritable",
      detail: `The state in '${stateDir}' is damaged or cannot be written: ${firstLine(message)}`,
      hint: "Restore it from a backup, or move the directory away to begin anew.",
    };
  }
  return { t: "failed", code: "internal", detail: `The control plane did not start: ${firstLine(message)}`, hint: "Please report it." };
}

const errorCode = (error: unknown): string => (error instanceof Error && "code" in error ? String(error.code) : "");
const firstLine = (text: string): string => (text.split("\n").find((line) => line.trim() !== "") ?? "").slice(0, 300);
