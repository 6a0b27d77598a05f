/** Real agent CLIs at pinned versions. */
import { join } from "node:path";
import { npmCached, type CachedPackage } from "./npm-cache.ts";

export type AgentCliName = "claude" | "opencode" | "codex";

const PINS: Record<AgentCliName, CachedPackage> = {
  claude: { name: "claude", npm: "@anthropic-ai/claude-code", version: "2.1.329", postinstall: ["install.cjs"] },
  opencode: { name: "opencode", npm: "opencode-ai", version: "1.18.33", postinstall: ["postinstall.mjs"] },
  codex: { name: "codex", npm: "@openai/codex", version: "0.169.0" },
};

export interface AgentCli {
  name: AgentCliName;
  version: string;
  /** The program. */
  binary: string;
  /** Holds this program under its own name: put it first in a PATH. */
  binDirectory: string;
}

export const agentCliVersion = (name: AgentCliName): string => PINS[name].version;

/** Installs on first use. */
export async function agentCli(name: AgentCliName): Promise<AgentCli> {
  const pin = PINS[name];
  const binDirectory = join(await npmCached(pin), "node_modules", ".bin");
  return { name, version: pin.version, binary: join(binDirectory, name), binDirectory };
}
