import { ok } from "@maestro/shared/result";
import { firstVersion, levelArgs, withValue, type Adapter } from "./adapter.ts";
import { aiderUsage } from "./headless/aider-usage.ts";
import { fitsArgument } from "./headless/arguments.ts";
import { flagged } from "./headless/images.ts";

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
  headless: {
    launch: ({ prompt, images, model, mode, permissions, args }) => {
      const fits = fitsArgument("aider", `--message=${prompt}`);
      if (!fits.ok) return fits;
      return ok({
        args: [
          `--message=${prompt}`,
          // Named like other files they would be of the repository, and edited.
          ...flagged("--read", images),
          "--no-pretty",
          "--no-fancy-input",
          "--no-check-update",
          "--no-show-release-notes",
          ...withValue("--model", model),
          ...(mode === undefined ? levelArgs({ plan: ["--chat-mode", "ask"], edit: [], full: [] }, permissions) : ["--chat-mode", mode]),
          ...(permissions === "full" ? ["--yes-always"] : []),
          ...args,
        ],
        env: {},
      });
    },
    output: { kind: "text", reader: () => aiderUsage },
  },
};
