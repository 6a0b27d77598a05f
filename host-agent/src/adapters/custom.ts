import { ok } from "@maestro/shared/result";
import type { Adapter } from "./adapter.ts";

/** Any program, by the argv template of its type; see `launch.ts` for how the template is filled. */
export const custom: Adapter = {
  name: "custom",
  title: "Custom command",
  binaries: [],
  versionArgs: ["--version"],
  parseVersion: () => undefined,
  install: "Install the program that the type's argv names.",
  interactive: () => ({ args: [], env: {} }),
  headless: {
    launch: ({ args }) => ok({ args, env: {} }),
    output: { kind: "plain" },
  },
};
