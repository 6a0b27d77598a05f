/** Agent types: the file form of `agents.d/*.yaml` and what a host reports of them. */
import * as z from "zod";
import { NAME_PATTERN } from "../names.ts";

export const ADAPTERS = ["claude", "codex", "opencode", "kilo", "gemini", "aider", "copilot", "amp", "qwen", "shell", "custom"] as const;
export const AdapterName = z.enum(ADAPTERS);
export type AdapterName = z.infer<typeof AdapterName>;

export const Slug = z.string().regex(NAME_PATTERN, "must match [a-z0-9][a-z0-9_-]{0,62}");
export const EnvName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "must match [A-Za-z_][A-Za-z0-9_]*");

/** Names that would let a type or a caller run code of their own inside another program. */
export const DENIED_ENV = [
  "LD_PRELOAD",
  "LD_LIBRARY_PATH",
  "LD_AUDIT",
  "DYLD_INSERT_LIBRARIES",
  "DYLD_LIBRARY_PATH",
  "NODE_OPTIONS",
  "NODE_PATH",
  "BASH_ENV",
  "ENV",
  "PROMPT_COMMAND",
  "PYTHONSTARTUP",
  "PYTHONPATH",
  "PERL5OPT",
  "PERL5LIB",
  "RUBYOPT",
  "GIT_SSH_COMMAND",
  "GIT_SSH",
  "GIT_ASKPASS",
  "SSH_ASKPASS",
  "GIT_EXTERNAL_DIFF",
  "GIT_EXEC_PATH",
  "GIT_PROXY_COMMAND",
  "GIT_TEMPLATE_DIR",
  "PYTHONHOME",
  "PERL5DB",
  "RUBYLIB",
  "JAVA_TOOL_OPTIONS",
  "GCONV_PATH",
  "LESSOPEN",
  "LESSCLOSE",
  "ZDOTDIR",
  "SHELLOPTS",
  "BASHOPTS",
  "PS4",
  "IFS",
  "PATH",
  "HOME",
  "SHELL",
  "TMUX",
  "TMUX_PANE",
] as const;

const Memory = z.string().regex(/^[1-9][0-9]*[kmgKMG]?$/, "must be a size such as 512m or 4g");
export const ResourceLimits = z.strictObject({
  memory: Memory.optional(),
  pids: z.int().min(1).max(1_000_000).optional(),
  cpus: z.number().min(0.01).max(1024).optional(),
});

/** One type as its file reads. Cross-field rules (argv needs `custom`) are in `checkAgentType`. */
export const AgentTypeFile = z.strictObject({
  slug: Slug,
  adapter: AdapterName.optional(),
  mode: z.string().max(64).optional(),
  argv: z.array(z.string().max(4096)).min(1).max(128).optional(),
  prompt: z.enum(["arg", "stdin"]).optional(),
  /** Takes the file of an image as the next argument; without it, images are named in the prompt. */
  image_flag: z
    .string()
    .max(64)
    .regex(/^--?[A-Za-z0-9][A-Za-z0-9_-]*$/, "must be a flag such as --image")
    .optional(),
  /** Where the result of a headless run stands in its output: all of it is text, or a field of the last JSON in it that has it. */
  result: z
    .string()
    .max(256)
    .regex(/^(?:text|json:[A-Za-z0-9_$-]+(?:\.[A-Za-z0-9_$-]+)*)$/, "must be text or json:<field>.<field>…")
    .optional(),
  workspace_template: z.string().max(4096).optional(),
  capabilities: z.array(z.string().max(64)).max(64).optional(),
  resource_limits: ResourceLimits.optional(),
  resources: ResourceLimits.optional(),
  env: z.record(EnvName, z.string().max(4096)).optional(),
  permissions: z.enum(["plan", "edit", "full"]).optional(),
  isolate_with: z.enum(["none", "docker"]).optional(),
  /** Of the container that is made; it has to be on the machine already. */
  image: z
    .string()
    .max(512)
    .regex(/^[A-Za-z0-9][A-Za-z0-9._:/@-]*$/, "must be an image reference such as node:24-slim")
    .optional(),
  shared_network: z.boolean().optional(),
});
export type AgentTypeFile = z.infer<typeof AgentTypeFile>;

/** What one host knows of one type. */
export const AgentTypeReport = z.object({
  slug: Slug,
  adapter: AdapterName,
  mode: z.string().max(64).optional(),
  source: z.enum(["builtin", "file", "api"]),
  /** The file it came from. */
  file: z.string().max(4096).optional(),
  capabilities: z.array(z.string().max(64)).max(64),
  detected: z.discriminatedUnion("state", [
    z.object({ state: z.literal("found"), binary: z.string().max(4096), version: z.string().max(128) }),
    /** `install` is the one line that installs it. */
    z.object({ state: z.literal("missing"), lookedFor: z.string().max(256), install: z.string().max(512) }),
    z.object({ state: z.literal("invalid"), problem: z.string().max(1024), line: z.int().optional() }),
  ]),
});
export type AgentTypeReport = z.infer<typeof AgentTypeReport>;
