/** A copy of the workspace's sources in a temporary place, to plant faults into: the real tree is never touched. */
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { LINT, TYPES } from "../scripts/checks/tools.ts";
import { ROOT, runCommand } from "../scripts/command.ts";

const PACKAGES = ["shared", "control-plane", "host-agent", "web"] as const;

export interface TreeCopy extends AsyncDisposable {
  plant(path: string, source: string): Promise<void>;
  /** What the linter would say of the planted files in `pnpm check`: one line per finding. */
  lintFindings(): Promise<string[]>;
  /** What the compiler would say of them in `shared`, the one package that no other types are in reach of. */
  sharedTypeFindings(): Promise<string[]>;
}

export async function copyTree(): Promise<TreeCopy> {
  const root = await mkdtemp(join(tmpdir(), "maestro-walls-"));
  await cp(join(ROOT, "tsconfig.base.json"), join(root, "tsconfig.base.json"));
  await cp(join(ROOT, ".oxlintrc.jsonc"), join(root, ".oxlintrc.jsonc"));
  await linkModules(ROOT, root);
  for (const name of PACKAGES) {
    await cp(join(ROOT, name), join(root, name), { recursive: true, filter: (path) => !/[/\\](node_modules|dist)([/\\]|$)/.test(path) });
    await linkModules(join(ROOT, name), join(root, name));
  }
  await writeFile(join(root, "tsconfig.json"), JSON.stringify({ files: [], references: PACKAGES.map((path) => ({ path })) }));
  const planted: string[] = [];
  const findings = async (argv: readonly [string, ...string[]]): Promise<string[]> => {
    const { output } = await runCommand(argv, { cwd: root });
    return output.split("\n").filter((line) => planted.some((path) => line.includes(path)));
  };
  return {
    plant: async (path, source) => {
      planted.push(path);
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), source);
    },
    lintFindings: () => findings([...LINT, "--format", "unix", ...planted]),
    sharedTypeFindings: () => findings([...TYPES, "shared"]),
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
}

/** Links every installed package, but not the caches beside them: the compiler writes there. */
async function linkModules(from: string, to: string): Promise<void> {
  await mkdir(join(to, "node_modules"));
  for (const name of await readdir(join(from, "node_modules"))) {
    if (name.startsWith(".")) continue;
    await symlink(join(from, "node_modules", name), join(to, "node_modules", name));
  }
}
