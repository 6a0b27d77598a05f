import { err, ok } from "@maestro/shared/result";
import { maestroError } from "@maestro/shared/errors";
import { firstVersion, withValue, type Adapter } from "./adapter.ts";
import { fitsArgument, refuseFlag } from "./headless/arguments.ts";
import { named } from "./headless/images.ts";
import { opencodePermissions } from "./opencode.ts";

/** Kilo Code. Until 0.x its modes were `--mode`; since 1.0 it is built on opencode, whose modes are agents. */
export const kilo: Adapter = {
  name: "kilo",
  title: "Kilo Code",
  binaries: ["kilo", "kilocode"],
  versionArgs: ["--version"],
  parseVersion: firstVersion,
  install: "npm install -g @kilocode/cli",
  interactive: ({ model, mode, permissions, version }) => {
    const old = version?.startsWith("0.") === true;
    if (old)
      return {
        args: [
          ...withValue("--mode", mode ?? (permissions === "plan" ? "architect" : undefined)),
          ...(permissions === "full" ? ["--yolo"] : []),
        ],
        env: {},
      };
    return {
      args: [...withValue("--model", model), ...withValue("--agent", mode ?? (permissions === "plan" ? "plan" : undefined))],
      env: opencodePermissions("KILO_PERMISSION", permissions),
    };
  },
  headless: {
    // [SKILL35] `kilo <mode> "<prompt>" <workspace>`
    launch: ({ prompt: asked, images, model, mode, permissions, cwd, args }) => {
      const prompt = named(asked, images);
      if (mode === undefined)
        return err(
          maestroError("field_missing", "Kilo Code needs a mode to work without a terminal.", {
            field: "mode",
            hint: "Give the agent's type a `mode`, for example code-reviewer: maestro agent register <file>",
          }),
        );
      const refused = [refuseFlag("Kilo Code", prompt), fitsArgument("Kilo Code", prompt)].find((check) => !check.ok);
      if (refused?.ok === false) return refused;
      return ok({
        args: [mode, prompt, cwd, ...withValue("--model", model), ...args],
        env: opencodePermissions("KILO_PERMISSION", permissions),
      });
    },
    output: { kind: "text" },
  },
};
