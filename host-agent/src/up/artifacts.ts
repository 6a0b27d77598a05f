/** The built Worker, console and migrations, which lie beside the bundle (and in `dist` for the sources). */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as z from "zod";
import { fail, type MaestroFailure } from "@maestro/shared/errors";

/** What has to be repeated of wrangler.toml; the build writes it. */
export const Manifest = z.object({
  compatibilityDate: z.string(),
  compatibilityFlags: z.array(z.string()),
  objects: z.array(z.object({ binding: z.string(), className: z.string() })),
  rateLimits: z.array(z.object({ binding: z.string(), limit: z.number(), periodSeconds: z.union([z.literal(10), z.literal(60)]) })),
  vars: z.record(z.string(), z.string()),
});
export type Manifest = z.infer<typeof Manifest>;

export interface Artifacts {
  worker: string;
  manifestFile: string;
  manifest: Manifest;
  migrations: string;
  console: string;
}

export function findArtifacts(): Artifacts {
  const dist = import.meta.url.endsWith(".ts") ? "../../dist/" : "./";
  const at = (name: string): string => fileURLToPath(new URL(dist + name, import.meta.url));
  const [worker, manifestFile, migrations, console_] = [
    at("control-plane/worker.js"),
    at("control-plane/manifest.json"),
    at("migrations"),
    at("console"),
  ];
  const missing = [worker, manifestFile, migrations, console_].filter((file) => !existsSync(file));
  if (missing.length === 4) {
    throw fail("backend_unavailable", "This installation has no embedded control plane.", {
      hint: "On a host that joined there is none: run `maestro up` where the whole package is installed (from a clone: npx pnpm@12 start).",
    });
  }
  if (missing.length > 0) throw buildIsChanging();
  return { worker, manifestFile, manifest: readManifest(manifestFile), migrations, console: console_ };
}

/** A build replaces its files one after the other: whoever reads them meanwhile finds half of each. */
export const buildIsChanging = (cause?: unknown): MaestroFailure =>
  fail(
    "backend_unavailable",
    "The build of the control plane is being replaced.",
    { hint: "Let the other build end, then start again. If none is under way, build anew (from a clone: npx pnpm@12 start)." },
    cause,
  );

export function readManifest(file: string): Manifest {
  try {
    return Manifest.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch (cause) {
    throw buildIsChanging(cause);
  }
}
