import { ok } from "@maestro/shared/result";
import { firstVersion, levelArgs, withValue, type Adapter } from "./adapter.ts";
import { fitsArgument } from "./headless/arguments.ts";
import { directoryOf, named } from "./headless/images.ts";

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
  headless: {
    launch: ({ prompt: asked, images, model, mode, permissions, resume, args }) => {
      const prompt = named(asked, images, "@");
      const fits = fitsArgument("GitHub Copilot CLI", `--prompt=${prompt}`);
      if (!fits.ok) return fits;
      return ok({
        args: [
          // In one piece: a prompt that begins with '-' is no flag there.
          `--prompt=${prompt}`,
          "--no-color",
          ...withValue("--add-dir", directoryOf(images)),
          ...withValue("--model", model),
          ...withValue("--agent", mode),
          ...(resume === undefined ? [] : [`--resume=${resume}`]),
          ...levelArgs(
            { plan: ["--deny-tool", "write", "--deny-tool", "shell"], edit: ["--allow-tool", "write"], full: ["--allow-all-tools"] },
            permissions,
          ),
          ...args,
        ],
        env: {},
      });
    },
    output: { kind: "text" },
  },
};
