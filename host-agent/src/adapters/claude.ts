import { firstVersion, levelArgs, withValue, type Adapter } from "./adapter.ts";

/** Claude Code. As root it refuses `full` by itself. */
export const claude: Adapter = {
  name: "claude",
  title: "Claude Code",
  binaries: ["claude"],
  versionArgs: ["--version"],
  parseVersion: firstVersion,
  install: "npm install -g @anthropic-ai/claude-code",
  interactive: ({ model, permissions }) => ({
    args: [
      ...withValue("--model", model),
      ...levelArgs(
        {
          plan: ["--permission-mode", "plan"],
          edit: ["--permission-mode", "acceptEdits"],
          full: ["--permission-mode", "bypassPermissions"],
        },
        permissions,
      ),
    ],
    // Its alternate screen would leave the session without scrollback.
    env: { CLAUDE_CODE_DISABLE_ALTERNATE_SCREEN: "1" },
  }),
};
