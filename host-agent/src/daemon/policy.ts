/** The host-local policy: what no control plane can override. Unreadable or wrong, nothing starts. */
import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import * as z from "zod";
import { fail } from "@maestro/shared/errors";
import { nearest } from "@maestro/shared/names";
import { parseStrictYaml } from "../config/strict-yaml.ts";
import { errnoOf } from "./durable-file.ts";

const PolicyFile = z.strictObject({
  /** Replaces the default roots: narrower or wider. */
  roots: z.array(z.string().startsWith("/", "must be an absolute path").max(4096)).min(1).max(32).optional(),
  /** `deny`: sessions run agents of this host's own types only, as those say: see shell-policy.ts. */
  shell: z.enum(["allow", "deny"]).optional(),
});

export interface Policy {
  roots: readonly string[] | undefined;
  shell: "allow" | "deny";
  /** SHA-256 of the file, `none` without one; reported, so that a change is seen. */
  digest: string;
}

export const openPolicy: Policy = { roots: undefined, shell: "allow", digest: "none" };

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
  const { roots, shell = "allow" } = parsed.data;
  return { roots, shell, digest: createHash("sha256").update(bytes).digest("hex") };
}

const refuse = (file: string, line: number | undefined, problem: string) =>
  fail("field_invalid", `The policy ${file}${line === undefined ? "" : `:${line}`}: ${problem}.`, {
    field: file,
    hint: "A policy that is not understood is not guessed at: correct it, or take it away.",
  });
