/** Packages that stay outside the bundle, with what they need at run time, as entries of the archive machines join with. */
import { readFileSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative, sep } from "node:path";
import * as z from "zod";
import { filesUnder } from "./step.ts";
import type { TarEntry } from "./tarball.ts";

const Manifest = z.object({ dependencies: z.record(z.string(), z.string()).optional() });
/** For people and other tools; and sources of native parts, which nothing here builds. */
const NOT_NEEDED =
  /(?:^|\/)(?:test|examples|util|benchmark|\.github|src)\/|(?:\.(?:d\.ts|map|md|pdb|gyp|min\.js|tgz)|\/install\.js|\/\.eslint[^/]*|\/\.npmignore|\/\.travis\.yml)$/;

/** The package and all that it depends on, without what is optional: nothing of it is compiled for a platform. */
export function packedWith(name: string, from: string, prefix = "package/node_modules"): TarEntry[] {
  const entries = new Map<string, TarEntry>();
  const seen = new Set<string>();
  const pack = (dependency: string, parent: string): void => {
    if (seen.has(dependency)) return;
    seen.add(dependency);
    const directory = directoryOf(dependency, parent);
    for (const file of filesUnder(directory)) {
      const path = `${prefix}/${dependency}/${relative(directory, file).split(sep).join("/")}`;
      if (!NOT_NEEDED.test(path.slice(prefix.length + 1 + dependency.length)))
        entries.set(path, { path, bytes: readFileSync(file), executable: false });
    }
    const { dependencies = {} } = Manifest.parse(JSON.parse(readFileSync(join(directory, "package.json"), "utf8")));
    for (const next of Object.keys(dependencies)) pack(next, directory);
  };
  pack(name, from);
  return [...entries.values()];
}

const directoryOf = (name: string, parent: string): string =>
  realpathSync(dirname(createRequire(join(parent, "package.json")).resolve(`${name}/package.json`)));
