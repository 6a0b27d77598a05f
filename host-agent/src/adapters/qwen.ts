import { firstVersion, levelArgs, withValue, type Adapter } from "./adapter.ts";

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
};
