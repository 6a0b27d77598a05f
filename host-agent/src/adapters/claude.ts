import { maestroError } from "@maestro/shared/errors";
import { err, ok } from "@maestro/shared/result";
import { firstVersion, levelArgs, withValue, type Adapter, type Permissions } from "./adapter.ts";
import { directoryOf, named } from "./headless/images.ts";
import { streamJson } from "./headless/stream-json.ts";

const permissionArgs = (permissions: Permissions | undefined): readonly string[] =>
  levelArgs(
    {
      plan: ["--permission-mode", "plan"],
      edit: ["--permission-mode", "acceptEdits"],
      full: ["--permission-mode", "bypassPermissions"],
    },
    permissions,
  );

/** Claude Code. As root it refuses `full` by itself. */
export const claude: Adapter = {
  name: "claude",
  title: "Claude Code",
  binaries: ["claude"],
  versionArgs: ["--version"],
  parseVersion: firstVersion,
  install: "npm install -g @anthropic-ai/claude-code",
  interactive: ({ model, permissions }) => ({
    args: [...withValue("--model", model), ...permissionArgs(permissions)],
    // Its alternate screen would leave the session without scrollback.
    env: { CLAUDE_CODE_DISABLE_ALTERNATE_SCREEN: "1" },
  }),
  headless: {
    // Without a level it writes nothing, and says so in its result only.
    launch: ({ prompt, images, model, permissions, resume, args, root }) => {
      if (root && permissions === "full")
        return err(
          maestroError("policy_denied", "Claude Code refuses `permissions: full` as root, and this host-agent runs as root.", {
            field: "type",
            hint: "Run the host-agent as a user of its own, or use `permissions: edit`.",
          }),
        );
      return ok({
        args: [
          "-p",
          // Its Read tool shows them to the model; without this it would have to ask whether it may.
          ...withValue("--add-dir", directoryOf(images)),
          "--output-format",
          "stream-json",
          "--verbose",
          ...withValue("--model", model),
          ...withValue("--resume", resume),
          ...permissionArgs(permissions),
          ...args,
        ],
        env: {},
        stdin: named(prompt, images),
      });
    },
    output: { kind: "events", reader: streamJson },
  },
};
