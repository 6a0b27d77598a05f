/** Directories agents may work in: inside the host's roots, also through symlinks, and made 0700. */
import { lstatSync, mkdirSync, realpathSync, statSync } from "node:fs";
import * as path from "node:path";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { err, ok, type Result } from "@maestro/shared/result";
import { errnoOf } from "./durable-file.ts";
import { foreignOnTheWay } from "./path-owners.ts";

export interface WorkspaceRules {
  roots: readonly string[];
  /** The daemon's own directories: identity, sockets, configuration. */
  forbidden: readonly string[];
  /** Users whose directories and links a path may go through: see `trustedOwners`. */
  trustedOwners: ReadonlySet<number>;
  /** `~` in a path. */
  userHome: string;
}

export interface RootInputs {
  userHome: string;
  workspaceRoot: string;
  policyRoots: readonly string[] | undefined;
}

export function allowedRoots({ userHome, workspaceRoot, policyRoots }: RootInputs): string[] {
  return [...new Set(policyRoots ?? [userHome, workspaceRoot, "/tmp", "/opt", "/srv"])];
}

/** Where the path really leads, if that is inside; what does not exist yet is judged by its deepest existing parent. */
export function resolveWorkspace(text: string, rules: WorkspaceRules): Result<string> {
  if (text.includes("\0")) return err(maestroError("nul_byte", "The path holds a NUL byte.", { field: "path" }));
  const expanded = text === "~" ? rules.userHome : text.startsWith("~/") ? path.join(rules.userHome, text.slice(2)) : text;
  if (!path.isAbsolute(expanded)) return err(outside(text, "it is not absolute", rules));
  const real = realOf(path.resolve(expanded));
  if (!real.ok) return real;
  const roots = rules.roots.map(realIfThere);
  if (!roots.some((root) => isInside(real.value, root)))
    return err(outside(text, real.value === expanded ? "it is in none of them" : `it leads to ${real.value}`, rules));
  const own = rules.forbidden.map(realIfThere).find((dir) => isInside(real.value, dir));
  if (own !== undefined)
    return err(
      maestroError("path_outside_roots", `'${text}' is inside Maestro's own directory ${own}.`, {
        field: "path",
        hint: "Choose a directory of the project.",
      }),
    );
  const foreign = foreignOnTheWay(expanded, rules.trustedOwners);
  if (foreign !== undefined)
    return err(
      maestroError(
        "insecure_permissions",
        `'${text.slice(0, 512)}' goes through ${foreign.at}, a ${foreign.what} of another user (uid ${foreign.uid}), who could lead it elsewhere.`,
        { field: "path", hint: "Choose a directory of your own, or name that one among the roots of the host's policy file." },
      ),
    );
  return ok(real.value);
}

export interface Workspace {
  path: string;
  created: boolean;
}

export function ensureWorkspace(text: string, rules: WorkspaceRules): Result<Workspace> {
  const resolved = resolveWorkspace(text, rules);
  if (!resolved.ok) return resolved;
  try {
    const there = statIfThere(resolved.value);
    if (there !== undefined) {
      if (there.isDirectory()) return ok({ path: resolved.value, created: false });
      return err(maestroError("workspace_error", `'${resolved.value}' exists and is not a directory.`, { field: "path" }));
    }
    mkdirSync(resolved.value, { recursive: true, mode: 0o700 });
    // Somebody may have planted a link between the look and the making.
    const again = resolveWorkspace(resolved.value, rules);
    return again.ok ? ok({ path: again.value, created: true }) : again;
  } catch (cause) {
    const code = errnoOf(cause);
    if (code === "ENOSPC" || code === "EDQUOT")
      return err(maestroError("disk_full", `No space left to create '${resolved.value}'.`, { field: "path" }));
    return err(
      maestroError("workspace_error", `'${resolved.value}' cannot be created (${code ?? "unknown reason"}).`, {
        field: "path",
        hint: "Its parent must be writable by the user who runs the host-agent.",
      }),
    );
  }
}

function realOf(target: string): Result<string> {
  const rest: string[] = [];
  for (let at = target; ; at = path.dirname(at)) {
    try {
      // Asked first: to throw for each directory that is still to be made takes longer than all the rest.
      if (lstatSync(at, { throwIfNoEntry: false }) === undefined && at !== path.dirname(at)) {
        rest.unshift(path.basename(at));
        continue;
      }
      // As the kernel follows it: the other one takes `..` behind a link for the directory that the link lies in.
      return ok(path.join(realpathSync.native(at), ...rest));
    } catch (cause) {
      const code = errnoOf(cause);
      // A link to nowhere exists, and what it will lead to is not known.
      if (code === "ENOENT" && isLink(at))
        return err(maestroError("workspace_error", `'${at}' is a link that leads nowhere.`, { field: "path" }));
      if (code !== "ENOENT")
        return err(maestroError("workspace_error", `'${at}' cannot be followed (${code ?? "unknown reason"}).`, { field: "path" }));
      // It went between the two looks.
      if (at === path.dirname(at)) return ok(target);
      rest.unshift(path.basename(at));
    }
  }
}

function outside(text: string, why: string, { roots }: WorkspaceRules): MaestroError {
  return maestroError("path_outside_roots", `'${text.slice(0, 512)}' is outside this host's allowed directories: ${why}.`, {
    field: "path",
    hint: `Allowed: ${roots.join(", ")}.`,
  });
}

export const isInside = (target: string, dir: string): boolean => target === dir || target.startsWith(dir.endsWith("/") ? dir : `${dir}/`);

export function realIfThere(dir: string): string {
  try {
    return lstatSync(dir, { throwIfNoEntry: false }) === undefined ? path.normalize(dir) : realpathSync.native(dir);
  } catch {
    return path.normalize(dir);
  }
}

function isLink(file: string): boolean {
  try {
    return lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink() === true;
  } catch {
    return false;
  }
}

function statIfThere(file: string): ReturnType<typeof statSync> | undefined {
  try {
    return statSync(file, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}
