import { firstVersion, levelArgs, withValue, type Adapter } from "./adapter.ts";

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
};
