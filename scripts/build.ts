/** Builds what changed: console, Worker, host-agent bundle, the tarball machines join with, and puts them together. */
import { cpSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative, sep } from "node:path";
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import * as z from "zod";
import { bundleNode, bundleWorker } from "../host-agent/bundle.ts";
import { filesUnder, runStep, type Step } from "./build/step.ts";
import { packedWith } from "./build/packed.ts";
import { tarball, type TarEntry } from "./build/tarball.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const at = (...parts: string[]): string => join(root, ...parts);
const DIST = "host-agent/dist";
const COMMON = ["pnpm-lock.yaml", "scripts/build.ts", "scripts/build", "host-agent/bundle.ts"];

const web: Step = {
  name: "web",
  inputs: [...COMMON, "web", "shared/src"],
  outputs: ["web/dist/index.html"],
  run: () => run(process.execPath, [at("web/node_modules/vite/bin/vite.js"), "build", "--logLevel", "warn"], at("web")),
};

const worker: Step = {
  name: "control-plane",
  inputs: [...COMMON, "control-plane/src", "shared/src", "wrangler.toml", "migrations"],
  outputs: [`${DIST}/control-plane/worker.js`, `${DIST}/control-plane/manifest.json`, `${DIST}/migrations`],
  async run() {
    const manifest = await readWrangler();
    mkdirSync(at(DIST, "control-plane"), { recursive: true });
    await bundleWorker({
      worker: at("control-plane/src/worker.ts"),
      workerFirst: manifest.workerFirst,
      root,
      outfile: at(DIST, "control-plane/worker.js"),
    });
    writeFileSync(at(DIST, "control-plane/manifest.json"), JSON.stringify(manifest, null, 2));
    rmSync(at(DIST, "migrations"), { recursive: true, force: true });
    cpSync(at("migrations"), at(DIST, "migrations"), { recursive: true });
  },
};

const hostAgent: Step = {
  name: "host-agent",
  inputs: [...COMMON, "host-agent/src", "host-agent/package.json", "shared/src"],
  outputs: [`${DIST}/bin.js`, `${DIST}/runner.sh`, `${DIST}/hand.sh`],
  async run() {
    // A worker thread is loaded by file name: `new URL("./x-worker.ts", import.meta.url)`, `.js` in the bundle.
    const threads = [...filesUnder(at("host-agent/src"))].filter((file) => file.endsWith("-worker.ts"));
    const entries = Object.fromEntries(threads.map((file) => [(file.split(sep).at(-1) ?? file).replace(/\.ts$/, ""), file]));
    await bundleNode({ entries: { bin: at("host-agent/src/bin.ts"), ...entries }, outdir: at(DIST) });
    makeExecutable(at(DIST, "bin.js"));
  },
};

const archive: Step = {
  name: "tarball",
  inputs: [...COMMON, ...hostAgent.inputs],
  outputs: ["web/dist/maestro.tgz"],
  async run() {
    writeFileSync(at("web/dist/maestro.tgz"), tarball([...packageEntries(), ...nodePtyEntries(), ...packedWith("ssh2", at("host-agent"))]));
  },
};

const console_: Step = {
  name: "console",
  inputs: [...web.inputs, ...hostAgent.inputs],
  outputs: [`${DIST}/console/index.html`, `${DIST}/console/maestro.tgz`],
  async run() {
    rmSync(at(DIST, "console"), { recursive: true, force: true });
    cpSync(at("web/dist"), at(DIST, "console"), { recursive: true });
  },
};

export async function build(options: { force: boolean; log(line: string): void }): Promise<void> {
  const context = { root, ...options };
  await runStep(web, context);
  await runStep(worker, context);
  const bundled = await runStep(hostAgent, context);
  const archived = await runStep(archive, { ...context, force: options.force || bundled });
  await runStep(console_, { ...context, force: options.force || archived });
}

interface Manifest {
  compatibilityDate: string;
  compatibilityFlags: string[];
  workerFirst: string[];
  objects: { binding: string; className: string }[];
  rateLimits: { binding: string; limit: number; periodSeconds: number }[];
  vars: Record<string, string>;
}

/** What the embedded control plane has to repeat of wrangler.toml, the one place where it is written. */
async function readWrangler(): Promise<Manifest> {
  const { unstable_readConfig } = await import("wrangler");
  const config = Wrangler.parse(unstable_readConfig({ config: at("wrangler.toml") }, { hideWarnings: true }));
  return {
    compatibilityDate: config.compatibility_date,
    compatibilityFlags: config.compatibility_flags,
    workerFirst: config.assets.run_worker_first,
    objects: config.durable_objects.bindings.map(({ name, class_name }) => ({ binding: name, className: class_name })),
    rateLimits: config.ratelimits.map(({ name, simple }) => ({
      binding: name,
      limit: simple.limit,
      periodSeconds: simple.period,
    })),
    vars: config.vars,
  };
}

/** What we use of it; anything else there is wrangler's own business. */
const Wrangler = z.object({
  compatibility_date: z.string(),
  compatibility_flags: z.array(z.string()),
  assets: z.object({ run_worker_first: z.array(z.string()) }),
  durable_objects: z.object({ bindings: z.array(z.object({ name: z.string(), class_name: z.string() })) }),
  ratelimits: z.array(
    z.object({ name: z.string(), namespace_id: z.string(), simple: z.object({ limit: z.number(), period: z.number() }) }),
  ),
  vars: z.record(z.string(), z.string()),
});
const Package = z.object({ name: z.string(), version: z.string(), license: z.string(), engines: z.record(z.string(), z.string()) });

/** The package as npm would pack it, without the embedded control plane: hosts only need to join. */
function packageEntries(): TarEntry[] {
  const { name, version, license, engines } = Package.parse(JSON.parse(readFileSync(at("host-agent/package.json"), "utf8")));
  const manifest = { name, version, license, type: "module", bin: { maestro: "dist/bin.js" }, engines };
  const entries: TarEntry[] = [{ path: "package/package.json", bytes: Buffer.from(JSON.stringify(manifest, null, 2)), executable: false }];
  for (const file of [
    at(DIST, "bin.js"),
    at(DIST, "runner.sh"),
    at(DIST, "hand.sh"),
    ...[...filesUnder(at("host-agent/src"))].filter((f) => f.endsWith("-worker.ts")).map(bundledName),
  ]) {
    entries.push({ path: `package/dist/${relative(at(DIST), file)}`, bytes: readFileSync(file), executable: file.endsWith("bin.js") });
  }
  return entries;
}

const bundledName = (source: string): string => at(DIST, (source.split(sep).at(-1) ?? source).replace(/\.ts$/, ".js"));

/** node-pty with this platform's prebuilt part, so that a machine without npm can join; others fall back to tmux. */
function nodePtyEntries(): TarEntry[] {
  const pty = realpathSync(at("host-agent/node_modules/node-pty"));
  const platform = `@lydell/node-pty-${process.platform}-${process.arch}`;
  const prebuilt = dirname(createRequire(join(pty, "package.json")).resolve(`${platform}/package.json`));
  return [...below(pty, "package/node_modules/node-pty"), ...below(prebuilt, `package/node_modules/${platform}`)];
}

function below(directory: string, prefix: string): TarEntry[] {
  return [...filesUnder(directory)]
    .filter((file) => !/\.(d\.ts|map|md|pdb)$/.test(file))
    .map((file) => ({
      path: `${prefix}/${relative(directory, file).split(sep).join("/")}`,
      bytes: readFileSync(file),
      executable: file.endsWith("spawn-helper"),
    }));
}

function makeExecutable(file: string): void {
  const text = readFileSync(file, "utf8");
  writeFileSync(file, text.startsWith("#!") ? text : `#!/usr/bin/env node\n${text}`, { mode: 0o755 });
}

function run(command: string, args: readonly string[], cwd: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio: ["ignore", 2, 2] });
    child.once("error", reject);
    child.once("exit", (code, signal) =>
      code === 0 ? resolve() : reject(new Error(`build: ${args[0] ?? command} ended with ${signal ?? code}`)),
    );
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await build({ force: process.argv.includes("--force"), log: (line) => process.stderr.write(`${line}\n`) });
}
