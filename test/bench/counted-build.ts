/** The built product with its Worker exchanged for the counting one; everything else is the same files. */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as z from "zod";
import { bundleWorker } from "../../host-agent/bundle.ts";
import { BUNDLE, type Product } from "../support/maestro.ts";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

export const Counts = z.object({
  workerRequests: z.int(),
  objectRequests: z.int(),
  messages: z.int(),
  alarms: z.int(),
  rows: z.int(),
  d1Rows: z.int(),
  objectMs: z.number(),
  by: z.record(z.string(), z.number()),
  /** Rows by the statement that wrote them. */
  statements: z.record(z.string(), z.number()),
});
export type Counts = z.infer<typeof Counts>;

export class CountedBuild implements Disposable {
  readonly #place = mkdtempSync(join(tmpdir(), "mbc-"));

  private constructor() {}

  get bundle(): string {
    return join(this.#place, "host-agent", "dist", "bin.js");
  }

  static async make(): Promise<CountedBuild> {
    const build = new CountedBuild();
    const agent = join(build.#place, "host-agent");
    const dist = join(agent, "dist");
    cpSync(dirname(BUNDLE), dist, { recursive: true });
    cpSync(join(root, "host-agent", "package.json"), join(agent, "package.json"));
    symlinkSync(join(root, "host-agent", "node_modules"), join(agent, "node_modules"));
    const file = join(dist, "control-plane", "manifest.json");
    const manifest = z
      .looseObject({ workerFirst: z.array(z.string()), compatibilityFlags: z.array(z.string()) })
      .parse(JSON.parse(readFileSync(file, "utf8")));
    // To tell a request from an object's call of its own methods.
    writeFileSync(file, JSON.stringify({ ...manifest, compatibilityFlags: [...new Set([...manifest.compatibilityFlags, "nodejs_als"])] }));
    await bundleWorker({
      worker: join(root, "test/bench/reference/counting/worker.js"),
      workerFirst: manifest.workerFirst,
      root,
      outfile: join(dist, "control-plane", "worker.js"),
    });
    return build;
  }

  [Symbol.dispose](): void {
    rmSync(this.#place, { recursive: true, force: true });
  }
}

/** What was counted since this was asked last. */
export const countsSince = (product: Product): Promise<Counts> => product.api.call(Counts, "GET", "/api/counts");
