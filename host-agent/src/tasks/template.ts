/** A type's template, copied into a new workspace; it brings no link that leads out of it, and no device or pipe. */
import { lstatSync, readdirSync, readlinkSync, realpathSync } from "node:fs";
import { cp } from "node:fs/promises";
import * as path from "node:path";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { err, ok, type Result } from "@maestro/shared/result";
import { errnoOf } from "../daemon/durable-file.ts";
import { resolveWorkspace, type WorkspaceRules } from "../daemon/workspace.ts";

export async function copyTemplate(template: string, workspace: string, rules: WorkspaceRules): Promise<Result<void>> {
  const from = resolveWorkspace(template, rules);
  if (!from.ok) return err({ ...from.error, field: "workspace_template" });
  try {
    const refusal = refuseEntries(from.value, from.value);
    if (refusal !== undefined) return err(refusal);
    await cp(from.value, workspace, { recursive: true, errorOnExist: false, force: false, verbatimSymlinks: true });
    return ok(undefined);
  } catch (cause) {
    const code = errnoOf(cause);
    if (code === "ENOSPC" || code === "EDQUOT")
      return err(maestroError("disk_full", `No space left to copy the template '${template}'.`, { field: "workspace_template" }));
    return err(
      maestroError(
        "workspace_error",
        `The template '${template}' cannot be copied: ${cause instanceof Error ? cause.message : "unknown reason"}.`,
        {
          field: "workspace_template",
        },
      ),
    );
  }
}

function refuseEntries(dir: string, root: string): MaestroError | undefined {
  for (const name of readdirSync(dir)) {
    const file = path.join(dir, name);
    const found = lstatSync(file);
    if (found.isDirectory()) {
      const refusal = refuseEntries(file, root);
      if (refusal !== undefined) return refusal;
    } else if (found.isSymbolicLink()) {
      const target = readlinkSync(file);
      const leadsTo = path.resolve(dir, target);
      if (path.isAbsolute(target) || !isInside(leadsTo, root) || !isInside(realIfThere(file) ?? leadsTo, root))
        return bad(file, `is a link that leads out of it, to '${target}'`);
    } else if (!found.isFile()) return bad(file, "is neither a file nor a directory");
  }
  return undefined;
}

const isInside = (target: string, root: string): boolean => target === root || target.startsWith(`${root}/`);

/** By way of other links it may lead further than it reads. */
function realIfThere(file: string): string | undefined {
  try {
    return realpathSync.native(file);
  } catch {
    return undefined;
  }
}

const bad = (file: string, what: string): MaestroError =>
  maestroError("workspace_error", `The template cannot be used: '${file}' ${what}.`, {
    field: "workspace_template",
    hint: "Links inside a template are relative and stay in it.",
  });
