import { ok } from "@maestro/shared/result";
import { firstVersion, withValue, type Adapter } from "./adapter.ts";
import { named } from "./headless/images.ts";
import { streamJson } from "./headless/stream-json.ts";

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
  headless: {
    launch: ({ prompt, images, mode, permissions, resume, args }) =>
      ok({
        args: [
          ...(resume === undefined ? [] : ["threads", "continue", resume]),
          "--execute",
          "--stream-json",
          ...withValue("--mode", mode),
          ...(permissions === "full" ? ["--dangerously-allow-all"] : []),
          ...args,
        ],
        env: {},
        stdin: named(prompt, images, "@"),
      }),
    output: { kind: "events", reader: streamJson },
  },
};
