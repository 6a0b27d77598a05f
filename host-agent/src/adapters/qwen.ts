import { ok } from "@maestro/shared/result";
import { firstVersion, levelArgs, withValue, type Adapter } from "./adapter.ts";
import { directoryOf, named } from "./headless/images.ts";
import { streamJson } from "./headless/stream-json.ts";

/** Qwen Code: a relative of the Gemini CLI with words of its own. */
export const qwen: Adapter = {
  name: "qwen",
  title: "Qwen Code",
  binaries: ["qwen"],
  versionArgs: ["--version"],
  parseVersion: firstVersion,
  install: "npm install -g @qwen-code/qwen-code",
  interactive: ({ model, permissions }) => ({
    args: [
      ...withValue("--model", model),
      ...levelArgs(
        { plan: ["--approval-mode", "plan"], edit: ["--approval-mode", "auto-edit"], full: ["--approval-mode", "yolo"] },
        permissions,
      ),
    ],
    env: {},
  }),
  headless: {
    // A prompt on standard input alone makes it work without a terminal.
    launch: ({ prompt, images, model, permissions, resume, args }) =>
      ok({
        args: [
          // What is outside of the workspace it takes in from here only.
          ...withValue("--include-directories", directoryOf(images)),
          "--output-format",
          "stream-json",
          ...withValue("--model", model),
          ...withValue("--resume", resume),
          ...levelArgs(
            { plan: ["--approval-mode", "plan"], edit: ["--approval-mode", "auto-edit"], full: ["--approval-mode", "yolo"] },
            permissions,
          ),
          ...args,
        ],
        env: {},
        stdin: named(prompt, images, "@"),
      }),
    output: { kind: "events", reader: streamJson },
  },
};
