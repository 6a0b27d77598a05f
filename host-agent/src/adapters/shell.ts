import { ok } from "@maestro/shared/result";
import type { Adapter } from "./adapter.ts";

/** The user's login shell, or the agent's arguments as a command of their own. Nothing has to be installed. */
export const shell: Adapter = {
  name: "shell",
  title: "Shell",
  binaries: [],
  versionArgs: [],
  parseVersion: () => undefined,
  install: "",
  interactive: () => ({ args: [], env: {} }),
  headless: {
    // The prompt is what would be typed into it, on its standard input: no argument is a script.
    launch: ({ prompt, args }) => ok({ args, env: {}, stdin: prompt.endsWith("\n") ? prompt : `${prompt}\n` }),
    output: { kind: "plain" },
  },
};
