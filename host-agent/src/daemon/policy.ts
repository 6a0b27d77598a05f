/** The host-local policy: what no control plane can override. Unreadable or wrong, nothing starts. */
import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import * as z from "zod";
import { EnvName } from "@maestro/shared/contract/agent-types";
import { fail } from "@maestro/shared/errors";
import { nearest } from "@maestro/shared/names";
import { parseStrictYaml } from "../config/strict-yaml.ts";
import { errnoOf } from "./durable-file.ts";

const Size = z.string().regex(/^[1-9][0-9]*[kmgKMG]?$/, "must be a size such as 512m or 4g");

const PolicyFile = z.strictObject({
  /** Replaces the default roots: narrower or wider. */
  roots: z.array(z.string().startsWith("/", "must be an absolute path").max(4096)).min(1).max(32).optional(),
  /** `deny`: sessions run agents of this host's own types only, as those say: see shell-policy.ts. */
  shell: z.enum(["allow", "deny"]).optional(),
  /** The only programs that sessions and tasks may start: names looked for on the host's PATH, or absolute paths. */
  binaries: z.array(z.string().min(1).max(4096)).max(256).optional(),
  /** The only variables that a task may take from this host's environment or be given as secrets; default: the usual keys of providers. */
  forward: z.array(EnvName).max(256).optional(),
  /** Remote hosts, as ssh connects to them, `*` and `?` for any, on which a task may use this host's ssh-agent where it asks to; default: none. */
  forward_agent: z.array(z.string().min(1).max(255)).max(256).optional(),
  /** Tasks at once, whatever the settings say. */
  max_concurrent: z.int().min(1).max(1000).optional(),
  /** A task's log past it ends the task. */
  log_limit: Size.optional(),
});

export interface Policy {
  roots: readonly string[] | undefined;
  shell: "allow" | "deny";
  binaries: readonly string[] | undefined;
  forward: readonly string[] | undefined;
  /** Where `forward` says nothing: beside the usual keys, by the environment that the host-agent was started with. */
  alsoForward: readonly string[];
  /** Names or addresses, as patterns of ssh_config(5). */
  forwardAgent: readonly string[];
  maxConcurrent: number | undefined;
  logLimitBytes: number | undefined;
  /** SHA-256 of the file, `none` without one; reported, so that a change is seen. */
  digest: string;
}

export const openPolicy: Policy = {
  roots: undefined,
  shell: "allow",
  binaries: undefined,
  forward: undefined,
  alsoForward: [],
  forwardAgent: [],
  maxConcurrent: undefined,
  logLimitBytes: undefined,
  digest: "none",
};

export function readPolicy(file: string): Policy {
  let bytes: Buffer;
  try {
    // Whoever may write it could lift every restriction in it.
    if ((statSync(file).mode & 0o022) !== 0)
      throw fail("insecure_permissions", `'${file}' can be written by others.`, { field: file, hint: `chmod go-w '${file}'` });
    bytes = readFileSync(file);
  } catch (cause) {
    if (errnoOf(cause) === "ENOENT") return openPolicy;
    if (errnoOf(cause) === "EACCES")
      throw fail("insecure_permissions", `'${file}' cannot be read by this user.`, { field: file, hint: `chmod a+r '${file}'` }, cause);
    throw cause;
  }
  return parsePolicy(file, bytes);
}

export function parsePolicy(file: string, bytes: Uint8Array): Policy {
  const yaml = parseStrictYaml(bytes);
  if (yaml.type === "problem") throw refuse(file, yaml.line, yaml.problem);
  const parsed = PolicyFile.safeParse(yaml.value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const path = (issue?.path ?? []).filter((part) => typeof part !== "symbol");
    if (issue?.code === "unrecognized_keys") {
      const key = issue.keys[0] ?? "";
      const [near] = nearest(key, Object.keys(PolicyFile.shape), 1);
      throw refuse(file, yaml.lineOf([...path, key]), `unknown key '${key}'${near === undefined ? "" : `, did you mean '${near}'?`}`);
    }
    throw refuse(file, yaml.lineOf(path), `'${path.join(".")}': ${issue?.message ?? "invalid"}`);
  }
  const {
    roots,
    shell = "allow",
    binaries,
    forward,
    forward_agent: forwardAgent = [],
    max_concurrent: maxConcurrent,
    log_limit: logLimit,
  } = parsed.data;
  const logLimitBytes = logLimit === undefined ? undefined : sizeInBytes(logLimit);
  return {
    roots,
    shell,
    binaries,
    forward,
    alsoForward: [],
    forwardAgent,
    maxConcurrent,
    logLimitBytes,
    digest: createHash("sha256").update(bytes).digest("hex"),
  };
}

const UNITS: Readonly<Record<string, number>> = { k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** `512m`, as type files and the policy write sizes. */
export function sizeInBytes(text: string): number {
  const unit = UNITS[text.slice(-1).toLowerCase()];
  return unit === undefined ? Number(text) : Number(text.slice(0, -1)) * unit;
}

const refuse = (file: string, line: number | undefined, problem: string) =>
  fail("field_invalid", `The policy ${file}${line === undefined ? "" : `:${line}`}: ${problem}.`, {
    field: file,
    hint: "A policy that is not understood is not guessed at: correct it, or take it away.",
  });
