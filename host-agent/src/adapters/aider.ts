import { firstVersion, levelArgs, withValue, type Adapter } from "./adapter.ts";

/** aider. Its chat modes are `ask`, `code` and `architect`; it always edits in `code`, so only `full` answers its questions. */
export const aider: Adapter = {
  name: "aider",
  title: "aider",
  binaries: ["aider"],
  versionArgs: ["--version"],
  parseVersion: firstVersion,
  install: "python3 -m pip install aider-install && aider-install",
  interactive: ({ model, mode, permissions }) => ({
    args: [
      ...withValue("--model", model),
      ...(mode === undefined ? levelArgs({ plan: ["--chat-mode", "ask"], edit: [], full: [] }, permissions) : ["--chat-mode", mode]),
      ...(permissions === "full" ? ["--yes-always"] : []),
    ],
    env: {},
  }),
};
