/** The two esbuild bundles that make up an installed Maestro: the Node program and the embedded Worker. */
import { copyFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { build } from "esbuild";

export interface NodeBundle {
  /** Output name without `.js` → source file. */
  entries: Readonly<Record<string, string>>;
  outdir: string;
}

/** Runs on Node 22.12 and later. What is external is installed beside it (node-pty, ssh2, miniflare). */
export async function bundleNode({ entries, outdir }: NodeBundle): Promise<void> {
  await build({
    entryPoints: { ...entries },
    outdir,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node22",
    minifySyntax: true,
    legalComments: "none",
    logLevel: "warning",
    external: ["node-pty", "ssh2", "miniflare", "bufferutil", "utf-8-validate", "cpu-features", "*.node"],
    // CommonJS dependencies inside the bundle still call `require` for Node's own modules, and ask where they lie.
    banner: {
      js: [
        `import { createRequire as __createRequire } from "node:module";`,
        `const require = __createRequire(import.meta.url), __filename = import.meta.filename, __dirname = import.meta.dirname;`,
      ].join(" "),
    },
  });
  // Programs of their own; `new URL("./runner.sh", import.meta.url)` finds them beside the bundle.
  for (const program of ["tasks/runner.sh", "carrier/hand.sh"])
    await copyFile(new URL(`./src/${program}`, import.meta.url), join(outdir, basename(program)));
}

export interface WorkerBundle {
  worker: string;
  /** Paths that reach the Worker before the assets, as in wrangler.toml. */
  workerFirst: readonly string[];
  root: string;
  outfile: string;
}

/**
 * The Worker with one more entry point, `embedded`: it chooses between Worker and assets itself, which saves
 * the two hops of the emulated router, and sets the client's address, which no edge does for it here.
 */
export async function bundleWorker({ worker, workerFirst, root, outfile }: WorkerBundle): Promise<void> {
  await build({
    stdin: { contents: embeddedEntry(worker, workerFirst), resolveDir: root, sourcefile: "embedded-entry.js", loader: "js" },
    outfile,
    bundle: true,
    format: "esm",
    platform: "neutral",
    mainFields: ["module", "main"],
    conditions: ["workerd", "worker", "browser"],
    target: "es2024",
    minifySyntax: true,
    legalComments: "none",
    logLevel: "warning",
    external: ["cloudflare:*", "node:*"],
  });
}

const embeddedEntry = (worker: string, workerFirst: readonly string[]): string => `
import worker from ${JSON.stringify(worker)};
export * from ${JSON.stringify(worker)};
export default worker;
const exact = new Set(${JSON.stringify(workerFirst.filter((path) => !path.endsWith("*")))});
const prefixes = ${JSON.stringify(workerFirst.filter((path) => path.endsWith("*")).map((path) => path.slice(0, -1)))};
let here;
export const embedded = {
  fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    if (!exact.has(pathname) && !prefixes.some((prefix) => pathname.startsWith(prefix))) return env.ASSETS.fetch(request);
    if (env.EMBEDDED_FRONT === "1") return worker.fetch(request, env, ctx);
    return worker.fetch(request, (here ??= { ...env, CLIENT_ADDRESS: "127.0.0.1" }), ctx);
  },
};
`;
