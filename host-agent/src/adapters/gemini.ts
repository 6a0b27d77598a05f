import { ok } from "@maestro/shared/result";
import { firstVersion, levelArgs, withValue, type Adapter } from "./adapter.ts";
import { geminiEvents } from "./headless/gemini-events.ts";
import { directoryOf, named } from "./headless/images.ts";

export const gemini: Adapter = {
  name: "gemini",
  title: "Gemini CLI",
  binaries: ["gemini"],
  versionArgs: ["--version"],
  parseVersion: firstVersion,
  install: "npm install -g @google/gemini-cli",
  interactive: ({ model, permissions }) => ({
    args: [
      ...withValue("--model", model),
      ...levelArgs(
        { plan: ["--approval-mode", "plan"], edit: ["--approval-mode", "auto_edit"], full: ["--approval-mode", "yolo"] },
        permissions,
      ),
    ],
    env: {},
  }),
  headless: {
    // A prompt on standard input alone makes it work without a terminal.
    launch: ({ prompt, images, model, permissions, args }) =>
      ok({
        args: [
          // What is outside of the workspace it takes in from here only.
          ...withValue("--include-directories", directoryOf(images)),
          "--output-format",
          "stream-json",
          ...withValue("--model", model),
          ...levelArgs(
            { plan: ["--approval-mode", "plan"], edit: ["--approval-mode", "auto_edit"], full: ["--approval-mode", "yolo"] },
            permissions,
          ),
          ...args,
        ],
        env: {},
        stdin: named(prompt, images, "@"),
      }),
    output: { kind: "events", reader: geminiEvents },
  },
};
