import { firstVersion, withValue, type Adapter } from "./adapter.ts";
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
};
