/** Checks that are one tool each: format, lint, types, dead rooms. */
import { failed, passed, type Step } from "../steps.ts";
import { runCommand } from "../command.ts";

const tool = (name: string, argv: readonly [string, ...string[]], needs: readonly string[] = []): Step => ({
  name,
  needs,
  run: async () => {
    const { code, output } = await runCommand(argv, { timeoutMs: 300_000, env: { NO_COLOR: "1", FORCE_COLOR: "0" } });
    return code === 0 ? passed() : failed(`${argv.join(" ")} ended with ${code}\n${output}`);
  },
});

const FORMAT = ["oxfmt", "."] as const;
export const LINT = ["oxlint", "--disable-nested-config", "--deny-warnings"] as const;
/** One checker per project, for each of several would check anew what all of them use: half the work of the defaults. */
export const TYPES = ["tsc", "-b", "--pretty", "false", "--checkers", "1", "--builders", "2"] as const;

/** @param fix format the tree and apply safe lint fixes instead of only telling. */
export const toolSteps = (fix: boolean): Step[] => [
  tool("types", TYPES),
  tool("format", fix ? FORMAT : ["oxfmt", "--check", "."]),
  tool("lint", fix ? [...LINT, "--fix"] : LINT),
  tool("dead code", ["knip", "--no-progress"]),
];
