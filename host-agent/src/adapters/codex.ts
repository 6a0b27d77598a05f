import { ok } from "@maestro/shared/result";
import { firstVersion, levelArgs, withValue, type Adapter } from "./adapter.ts";
import { codexEvents } from "./headless/codex-events.ts";
import { flagged, named } from "./headless/images.ts";

/** OpenAI Codex. A mode is one of its configuration profiles. */
export const codex: Adapter = {
  name: "codex",
  title: "Codex",
  binaries: ["codex"],
  versionArgs: ["--version"],
  parseVersion: firstVersion,
  install: "npm install -g @openai/codex",
  interactive: ({ model, mode, permissions }) => ({
    args: [
      ...withValue("--model", model),
      ...withValue("--profile", mode),
      ...levelArgs(
        {
          plan: ["--sandbox", "read-only", "--ask-for-approval", "on-request"],
          edit: ["--sandbox", "workspace-write", "--ask-for-approval", "on-request"],
          full: ["--dangerously-bypass-approvals-and-sandbox"],
        },
        permissions,
      ),
    ],
    env: {},
  }),
  headless: {
    // Headless it asks nobody; a workspace need not be a git repository.
    launch: ({ prompt, images, model, mode, permissions, resume, args }) =>
      ok({
        args: [
          "exec",
          // Going on with a session it takes none: there its own tool looks at them.
          ...(resume === undefined ? flagged("--image", images) : []),
          "--json",
          "--skip-git-repo-check",
          ...withValue("--model", model),
          ...withValue("--profile", mode),
          ...levelArgs(
            {
              plan: ["--sandbox", "read-only"],
              edit: ["--sandbox", "workspace-write"],
              full: ["--dangerously-bypass-approvals-and-sandbox"],
            },
            permissions,
          ),
          ...args,
          ...(resume === undefined ? [] : ["resume", resume]),
          "-",
        ],
        env: {},
        stdin: resume === undefined ? prompt : named(prompt, images),
      }),
    output: { kind: "events", reader: codexEvents },
  },
};
