import { firstVersion, withValue, type Adapter } from "./adapter.ts";

/** Amp chooses its models itself; its modes are `smart`, `rush` and the like. It asks by its own rules below `full`. */
export const amp: Adapter = {
  name: "amp",
  title: "Amp",
  binaries: ["amp"],
  versionArgs: ["--version"],
  parseVersion: firstVersion,
  install: "npm install -g @sourcegraph/amp",
  interactive: ({ mode, permissions }) => ({
    args: [...withValue("--mode", mode), ...(permissions === "full" ? ["--dangerously-allow-all"] : [])],
    env: {},
  }),
};
