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
};
