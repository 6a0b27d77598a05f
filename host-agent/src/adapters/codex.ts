import { firstVersion, levelArgs, withValue, type Adapter } from "./adapter.ts";

/** OpenAI Codex. A mode is one of its configuration profiles. */
export const codex: Adapter = {
  name: "codex",
  title: "Codex",
  binaries: ["codex"],
  versionArgs: ["--version"],
  parseVersion: firstVersion,
  install: "npm install -g @openai/codex",
  interactive: ({ model, mode, permissions }) => ({
    args: [
      ...withValue("--model", model),
      ...withValue("--profile", mode),
      ...levelArgs(
        {
          plan: ["--sandbox", "read-only", "--ask-for-approval", "on-request"],
          edit: ["--sandbox", "workspace-write", "--ask-for-approval", "on-request"],
          full: ["--dangerously-bypass-approvals-and-sandbox"],
        },
        permissions,
      ),
    ],
    env: {},
  }),
};
