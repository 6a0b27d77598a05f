/**
 * [F15] Another version of the product: its sources with other protocol versions in them and a schema that grew,
 * bundled as the product is. Nothing in the product knows that this can be done.
 */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as z from "zod";
import type { VersionRange } from "@maestro/shared/protocol/version";
import { bundleNode, bundleWorker } from "../../host-agent/bundle.ts";
import { filesUnder } from "../../scripts/build/step.ts";
import type { TestHome } from "./home.ts";
import { BUNDLE } from "./maestro.ts";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const PACKAGES = ["shared", "control-plane", "host-agent"] as const;
const DIST = "host-agent/dist";

export class SecondBuild implements Disposable {
  readonly #root: string;

  private constructor(place: string) {
    this.#root = place;
  }

  /** `host-agent/` of this build; its `dist/bin.js` is the program. */
  get directory(): string {
    return join(this.#root, "host-agent");
  }

  get bundle(): string {
    return join(this.#root, DIST, "bin.js");
  }

  static async speaking({ min, max }: VersionRange): Promise<SecondBuild> {
    const place = mkdtempSync(join(tmpdir(), `v${min}${max}-`));
    for (const name of PACKAGES) copyPackage(name, place);
    edit(
      join(place, "shared/src/protocol/version.ts"),
      " VERSIONS: VersionRange = { min: 1, max: 1 }",
      ` VERSIONS: VersionRange = { min: ${min}, max: ${max} }`,
    );
    edit(
      join(place, "control-plane/src/objects/host-relay/schema.ts"),
      "\n];\n\n/** `user_version`",
      '\n  ["CREATE TABLE of_the_next_version (key TEXT PRIMARY KEY)"],\n];\n\n/** `user_version`',
    );
    cpSync(join(root, "migrations"), join(place, DIST, "migrations"), { recursive: true });
    writeFileSync(join(place, DIST, "migrations", "9999_next_version.sql"), GROWTH);
    mkdirSync(join(place, DIST, "control-plane"), { recursive: true });
    const manifest = join(dirname(BUNDLE), "control-plane", "manifest.json");
    cpSync(manifest, join(place, DIST, "control-plane", "manifest.json"));
    symlinkSync(join(dirname(BUNDLE), "console"), join(place, DIST, "console"));
    const { workerFirst } = z.looseObject({ workerFirst: z.array(z.string()) }).parse(JSON.parse(readFileSync(manifest, "utf8")));
    await Promise.all([
      bundleWorker({
        worker: join(place, "control-plane/src/worker.ts"),
        workerFirst,
        root: place,
        outfile: join(place, DIST, "control-plane/worker.js"),
      }),
      bundleNode({
        entries: { bin: join(place, "host-agent/src/bin.ts"), ...threads(join(place, "host-agent/src")) },
        outdir: join(place, DIST),
      }),
    ]);
    return new SecondBuild(place);
  }

  [Symbol.dispose](): void {
    rmSync(this.#root, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** What a later version may do to the database: it only grows. */
const GROWTH = `ALTER TABLE \`hosts\` ADD \`of_the_next_version\` text;--> statement-breakpoint
CREATE TABLE \`of_the_next_version\` (\`id\` text PRIMARY KEY NOT NULL);
`;

/** The program of a host that was installed as `maestro host join` installs it: behind `current`. */
export const installed = (home: TestHome): string => join(home.path, "current", "dist", "bin.js");

/** Makes this version the one in force, as an installer does: by one rename. */
export function install(home: TestHome, directory: string = dirname(dirname(BUNDLE))): void {
  const link = join(home.path, "current");
  symlinkSync(directory, `${link}.new`);
  renameSync(`${link}.new`, link);
}

/** Sources and dependencies; `@maestro/*` leads to the copies. */
function copyPackage(name: string, place: string): void {
  const from = join(root, name);
  cpSync(join(from, "src"), join(place, name, "src"), { recursive: true });
  cpSync(join(from, "package.json"), join(place, name, "package.json"));
  const modules = join(place, name, "node_modules");
  mkdirSync(modules, { recursive: true });
  for (const dependency of readdirSync(join(from, "node_modules"))) {
    if (!dependency.startsWith(".") && dependency !== "@maestro")
      symlinkSync(join(from, "node_modules", dependency), join(modules, dependency));
  }
  mkdirSync(join(modules, "@maestro"));
  symlinkSync(join(place, "shared"), join(modules, "@maestro", "shared"));
}

const threads = (sources: string): Record<string, string> =>
  Object.fromEntries([...filesUnder(sources)].filter((file) => file.endsWith("-worker.ts")).map((file) => [basename(file, ".ts"), file]));

function edit(file: string, old: string, next: string): void {
  const parts = readFileSync(file, "utf8").split(old);
  if (parts.length !== 2) throw new Error(`${file} does not hold what the second build changes`);
  writeFileSync(file, parts.join(next));
}
