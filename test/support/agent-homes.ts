/**
 * Prepared configuration of real agent CLIs, so that they start straight at their prompt and talk to the
 * model stub. Each function writes below `directory` and returns the environment the CLI needs: neither
 * HOME nor PATH is in it, so it can travel as an agent's `env`.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { agentCliVersion } from "./agent-cli.ts";

export type AgentEnv = Record<string, string>;

/** Looks like a key, opens nothing. */
export const STUB_API_KEY = "sk-ant-api03-maestro-test-stub-key-0000000000000000000000000";
/** Claude Code remembers an approved key by its tail. */
const APPROVED_TAIL_CHARS = 20;

/** @param stubUrl `ModelStub.url`. @param workspaces directories the CLI is started in; their trust question counts as answered. */
export function prepareClaudeHome(directory: string, stubUrl: string, workspaces: readonly string[] = [directory]): AgentEnv {
  const trusted = { hasTrustDialogAccepted: true, hasCompletedProjectOnboarding: true, projectOnboardingSeenCount: 1, allowedTools: [] };
  writeJson(join(directory, ".claude"), ".claude.json", {
    hasCompletedOnboarding: true,
    lastOnboardingVersion: agentCliVersion("claude"),
    theme: "dark",
    numStartups: 3,
    autoUpdates: false,
    customApiKeyResponses: { approved: [STUB_API_KEY.slice(-APPROVED_TAIL_CHARS)], rejected: [] },
    projects: Object.fromEntries(workspaces.map((workspace) => [workspace, trusted])),
  });
  return {
    CLAUDE_CONFIG_DIR: join(directory, ".claude"),
    ANTHROPIC_BASE_URL: stubUrl,
    ANTHROPIC_API_KEY: STUB_API_KEY,
    DISABLE_AUTOUPDATER: "1",
    DISABLE_TELEMETRY: "1",
    DISABLE_ERROR_REPORTING: "1",
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
  };
}

export function prepareOpencodeHome(directory: string, stubUrl: string): AgentEnv {
  writeJson(directory, "opencode.json", {
    $schema: "https://opencode.ai/config.json",
    autoupdate: false,
    share: "disabled",
    model: "stub/stub-model",
    small_model: "stub/stub-model",
    provider: {
      stub: {
        npm: "@ai-sdk/openai-compatible",
        name: "Stub",
        options: { baseURL: `${stubUrl}/v1`, apiKey: STUB_API_KEY },
        models: {
          "stub-model": {
            name: "Stub model",
            limit: { context: 100_000, output: 8_000 },
            // Otherwise it is shown no images.
            attachment: true,
            modalities: { input: ["text", "image"], output: ["text"] },
          },
        },
      },
    },
    enabled_providers: ["stub"],
  });
  return {
    OPENCODE_CONFIG: join(directory, "opencode.json"),
    OPENCODE_DISABLE_AUTOUPDATE: "1",
    OPENCODE_DISABLE_MODELS_FETCH: "1",
    OPENCODE_DISABLE_LSP_DOWNLOAD: "1",
    OPENCODE_DISABLE_DEFAULT_PLUGINS: "1",
    XDG_CONFIG_HOME: join(directory, "config"),
    XDG_DATA_HOME: join(directory, "data"),
    XDG_STATE_HOME: join(directory, "state"),
    XDG_CACHE_HOME: join(directory, "cache"),
  };
}

export function prepareCodexHome(directory: string, stubUrl: string, workspaces: readonly string[] = [directory]): AgentEnv {
  const home = join(directory, ".codex");
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const lines = [
    'model = "stub-model"',
    'model_provider = "stub"',
    "check_for_update_on_startup = false",
    "hide_full_access_warning = true",
    'approval_policy = "never"',
    'sandbox_mode = "read-only"',
    "[model_providers.stub]",
    'name = "Stub"',
    `base_url = ${JSON.stringify(`${stubUrl}/v1`)}`,
    'env_key = "STUB_API_KEY"',
    'wire_api = "responses"',
    "[analytics]",
    "enabled = false",
    ...workspaces.flatMap((workspace) => [`[projects.${JSON.stringify(workspace)}]`, 'trust_level = "trusted"']),
  ];
  writeFileSync(join(home, "config.toml"), `${lines.join("\n")}\n`, { mode: 0o600 });
  return { CODEX_HOME: home, STUB_API_KEY };
}

function writeJson(directory: string, file: string, value: unknown): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  writeFileSync(join(directory, file), JSON.stringify(value, undefined, 2), { mode: 0o600 });
}
