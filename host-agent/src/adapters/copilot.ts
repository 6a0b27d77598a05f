import { firstVersion, levelArgs, withValue, type Adapter } from "./adapter.ts";

export const copilot: Adapter = {
  name: "copilot",
  title: "GitHub Copilot CLI",
  binaries: ["copilot"],
  versionArgs: ["--version"],
  parseVersion: firstVersion,
  install: "npm install -g @github/copilot",
  interactive: ({ model, mode, permissions }) => ({
    args: [
      ...withValue("--model", model),
      ...withValue("--agent", mode),
      ...levelArgs(
        { plan: ["--deny-tool", "write", "--deny-tool", "shell"], edit: ["--allow-tool", "write"], full: ["--allow-all-tools"] },
        permissions,
      ),
    ],
    env: {},
  }),
};
