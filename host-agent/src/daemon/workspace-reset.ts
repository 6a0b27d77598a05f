/**
 * [SKILL9] An agent's workspace, emptied and filled again from its type's template. What cannot be refused any more comes last:
 * the template is copied beside what is there, then the two change places, and only then is anything deleted.
 */
import { mkdtempSync, readdirSync, renameSync, rmdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import * as path from "node:path";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { err, ok, type Result } from "@maestro/shared/result";
import { copyTemplate } from "../tasks/template.ts";
import { errnoOf } from "./durable-file.ts";
import { ensureWorkspace, isInside, resolveWorkspace, type WorkspaceRules } from "./workspace.ts";

export interface ResetPlace {
  rules: WorkspaceRules;
  /** Who works there, if anybody. */
  busy(dir: string): string | undefined;
}

export interface ResetDone {
  path: string;
  /** Entries of the directory itself. */
  removed: number;
  template?: string;
}

const STAGE = ".maestro-reset-";

export async function resetWorkspace(text: string, template: string | undefined, { rules, busy }: ResetPlace): Promise<Result<ResetDone>> {
  const resolved = resolveWorkspace(text, rules);
  if (!resolved.ok) return err({ ...resolved.error, field: "workspace" });
  const dir = resolved.value;
  const refusal = refuseShared(dir, rules) ?? refuseTemplate(dir, template, rules) ?? refuseBusy(dir, busy(dir));
  if (refusal !== undefined) return err(refusal);
  const made = ensureWorkspace(dir, rules);
  if (!made.ok) return err({ ...made.error, field: "workspace" });
  const stage = makeStage(dir);
  if (!stage.ok) return stage;
  const clear = () => rm(stage.value, { recursive: true, force: true, maxRetries: 3 });
  try {
    const fresh = path.join(stage.value, "new");
    if (template !== undefined) {
      const copied = await copyTemplate(template, fresh, rules);
      if (!copied.ok) return copied;
    }
    // It may have been put to work while the template was copied.
    const late = refuseBusy(dir, busy(dir));
    if (late !== undefined) return err(late);
    const old = mkdtempSync(path.join(stage.value, "old-"));
    const swapped = swap(dir, old, template === undefined ? undefined : fresh, path.basename(stage.value));
    if (!swapped.ok) return swapped;
    await clear();
    return ok({ path: dir, removed: swapped.value, ...(template === undefined ? {} : { template }) });
  } catch (cause) {
    return err(failed(dir, cause));
  } finally {
    await clear().catch(() => {});
  }
}

/** Whatever holds a root, the user's home or Maestro's own files holds more than one agent's work. */
function refuseShared(dir: string, rules: WorkspaceRules): MaestroError | undefined {
  const kept = [...rules.roots, rules.userHome, ...rules.forbidden].find((one) => {
    const real = resolveWorkspace(one, { ...rules, roots: ["/"], forbidden: [] });
    return isInside(real.ok ? real.value : one, dir);
  });
  return kept === undefined
    ? undefined
    : maestroError("policy_denied", `'${dir}' is not emptied: it is no directory of one agent alone, for it holds ${kept}.`, {
        field: "workspace",
        hint: "Assign the agent to a directory of its own.",
      });
}

function refuseTemplate(dir: string, template: string | undefined, rules: WorkspaceRules): MaestroError | undefined {
  if (template === undefined) return undefined;
  const from = resolveWorkspace(template, rules);
  if (!from.ok) return { ...from.error, field: "workspace_template" };
  return isInside(from.value, dir) || isInside(dir, from.value)
    ? maestroError("workspace_error", `The template '${template}' and the workspace '${dir}' lie one in the other.`, {
        field: "workspace_template",
        hint: "Keep the template outside of workspaces.",
      })
    : undefined;
}

const refuseBusy = (dir: string, who: string | undefined): MaestroError | undefined =>
  who === undefined
    ? undefined
    : maestroError("workspace_busy", `'${dir}' is in use: ${who} works there.`, {
        field: "workspace",
        hint: who.startsWith("att_") ? "Wait for its task, or cancel it." : "End that session first: maestro session kill.",
      });

function makeStage(dir: string): Result<string> {
  try {
    return ok(mkdtempSync(path.join(dir, STAGE)));
  } catch (cause) {
    return err(failed(dir, cause));
  }
}

/** In one turn, so that nobody begins to work in between; all of it, or nothing. */
function swap(dir: string, old: string, fresh: string | undefined, but: string): Result<number> {
  const moved: { from: string; to: string }[] = [];
  const move = (from: string, to: string): void => {
    renameSync(from, to);
    moved.push({ from, to });
  };
  try {
    const there = readdirSync(dir).filter((name) => name !== but);
    for (const name of there) move(path.join(dir, name), path.join(old, name));
    if (fresh !== undefined) {
      for (const name of readdirSync(fresh)) move(path.join(fresh, name), path.join(dir, name));
      rmdirSync(fresh);
    }
    return ok(there.filter((name) => !name.startsWith(STAGE)).length);
  } catch (cause) {
    for (const { from, to } of moved.toReversed()) renameSync(to, from);
    return err(failed(dir, cause));
  }
}

function failed(dir: string, cause: unknown): MaestroError {
  const code = errnoOf(cause);
  if (code === "ENOSPC" || code === "EDQUOT") return maestroError("disk_full", `No space left in '${dir}'.`, { field: "workspace" });
  return maestroError("workspace_error", `'${dir}' cannot be emptied (${code ?? "unknown reason"}).`, {
    field: "workspace",
    hint: "All of it must belong to the user who runs the host-agent, and nothing be mounted there.",
  });
}
