import { ok } from "@maestro/shared/result";
import { firstVersion, withValue, type Adapter, type Permissions } from "./adapter.ts";
import { flagged } from "./headless/images.ts";
import { opencodeEvents } from "./headless/opencode-events.ts";

/** opencode. Its modes are agents; `plan` is one of them, other levels are a permission table in the environment. */
export const opencode: Adapter = {
  name: "opencode",
  title: "opencode",
  binaries: ["opencode"],
  versionArgs: ["--version"],
  parseVersion: firstVersion,
  install: "npm install -g opencode-ai",
  interactive: ({ model, mode, permissions }) => ({
    args: [...withValue("--model", model), ...withValue("--agent", mode ?? (permissions === "plan" ? "plan" : undefined))],
    env: opencodePermissions("OPENCODE_PERMISSION", permissions),
  }),
  headless: {
    // Headless it refuses by itself what it would have to ask for.
    launch: ({ prompt, images, model, mode, permissions, resume, args }) =>
      ok({
        args: [
          "run",
          ...flagged("--file", images),
          "--format",
          "json",
          ...withValue("--model", model),
          ...withValue("--agent", mode ?? (permissions === "plan" ? "plan" : undefined)),
          ...withValue("--session", resume),
          ...args,
        ],
        env: opencodePermissions("OPENCODE_PERMISSION", permissions),
        stdin: prompt,
      }),
    output: { kind: "events", reader: opencodeEvents },
  },
};

export function opencodePermissions(variable: string, permissions: Permissions | undefined): Record<string, string> {
  switch (permissions) {
    case undefined:
      return {};
    case "plan":
      return { [variable]: JSON.stringify({ edit: "deny", bash: "ask", webfetch: "allow" }) };
    case "edit":
      return { [variable]: JSON.stringify({ edit: "allow", bash: "ask", webfetch: "allow" }) };
    case "full":
      return { [variable]: JSON.stringify({ edit: "allow", bash: "allow", webfetch: "allow" }) };
  }
}
