/** Every adapter by name; the compiler asks for a new one here when the contract names it. */
import type { AdapterName } from "@maestro/shared/contract/agent-types";
import type { Adapter } from "./adapter.ts";
import { aider } from "./aider.ts";
import { amp } from "./amp.ts";
import { claude } from "./claude.ts";
import { codex } from "./codex.ts";
import { copilot } from "./copilot.ts";
import { custom } from "./custom.ts";
import { gemini } from "./gemini.ts";
import { kilo } from "./kilo.ts";
import { opencode } from "./opencode.ts";
import { qwen } from "./qwen.ts";
import { shell } from "./shell.ts";

export const BUILTIN: Readonly<Record<AdapterName, Adapter>> = {
  claude,
  codex,
  opencode,
  kilo,
  gemini,
  aider,
  copilot,
  amp,
  qwen,
  shell,
  custom,
};

/** Adapters that are a type by themselves; `custom` is nothing without its argv. */
export const BUILTIN_TYPES: readonly Adapter[] = Object.values(BUILTIN).filter((adapter) => adapter.name !== "custom");
