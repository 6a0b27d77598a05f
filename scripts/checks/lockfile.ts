/** The lockfile may name no place to fetch from: versions and hashes only, so that any registry mirror serves. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { failed, passed, type Step } from "../steps.ts";
import { ROOT } from "../command.ts";

export interface LockfileProblem {
  line: number;
  text: string;
  why: string;
}

export const lockfileStep: Step = {
  name: "lockfile",
  run: async () => {
    const problems = lockfileProblems(await readFile(join(ROOT, "pnpm-lock.yaml"), "utf8"));
    if (problems.length === 0) return passed();
    return failed(problems.map(({ line, text, why }) => `pnpm-lock.yaml:${line}: ${why}: ${text}`).join("\n"));
  },
};

export function lockfileProblems(lockfile: string): LockfileProblem[] {
  return lockfile.split("\n").flatMap((text, index) => {
    const why = /\btarball:|https?:\/\//.test(text)
      ? "names a host to fetch from"
      : /git\+|github:|\bcommit:/.test(text)
        ? "is fetched from a repository"
        : /^\s+resolution: \{(?!integrity: sha512-)/.test(text) && !/directory:|type: variations/.test(text)
          ? "has no sha512"
          : undefined;
    return why === undefined || /^\s+(deprecated|engines|bundledDependencies):/.test(text)
      ? []
      : [{ line: index + 1, text: text.trim(), why }];
  });
}
