/** What a person sees while `--sync` waits. Pure. */
import { isFinal, type Task, type TaskTarget } from "@maestro/shared/contract/tasks";
import { escapeUnsafe, stripUnsafe } from "@maestro/shared/sanitize";
import { anyTalk } from "@maestro/shared/talk/talk";
import { parseObject } from "../../adapters/headless/output.ts";
import { withoutStamp } from "../../tasks/trace.ts";
import { duration } from "../render/time.ts";
import { cut, padEnd } from "../render/width.ts";
import { targetName, whyText } from "./task-view.ts";

/** What is known of a target beside what the API tells. */
export interface Seen {
  /** Since when it is in its state. */
  sinceMs: number;
  lastLine: string | undefined;
}

/** More than fit a screen are counted only. */
const MAX_SHOWN = 12;

export function progressLines(task: Task, seen: readonly (Seen | undefined)[], nowMs: number, width: number): string[] {
  const shown = task.targets.slice(0, MAX_SHOWN);
  const names = shown.map((target) => escapeUnsafe(targetName(target)));
  const nameWidth = Math.min(32, Math.max(0, ...names.map((name) => name.length)));
  const head = `Task ${task.id}  ${task.status}  ${elapsed(nowMs - Date.parse(task.startedAt ?? task.createdAt))}`;
  const rest = task.targets.length - shown.length;
  return [
    head,
    ...shown.map((target, i) => {
      const own = seen[i];
      const time = own === undefined || isFinal(target.status) ? "" : elapsed(nowMs - own.sinceMs);
      const note = noteOf(target, own?.lastLine);
      return `  ${padEnd(cut(names[i] ?? "", 32), nameWidth)}  ${target.status.padEnd(10)} ${time.padEnd(7)} ${note}`.trimEnd();
    }),
    ...(rest > 0 ? [`  and ${rest} more`] : []),
  ].map((line) => cut(escapeUnsafe(line), width));
}

/** Counted in seconds, as it is drawn. */
const elapsed = (ms: number): string => duration(Math.floor(ms / 1000) * 1000);

function noteOf(target: TaskTarget, lastLine: string | undefined): string {
  const why = whyText(target);
  if (why !== "") return target.waiting === undefined ? why : `waits: ${why}`;
  if (target.status === "running") return lastLine ?? "";
  return target.exitCode === undefined ? "" : `exit ${target.exitCode}`;
}

/** Where nothing can be drawn over: what is new since the last time, a line each. */
export function progressNews(task: Task, before: Task | undefined): string[] {
  return task.targets.flatMap((target, i) => {
    const old = before?.targets[i];
    const changed = old?.status !== target.status || old.waiting?.code !== target.waiting?.code;
    // On its way to a host it is neither waiting nor running, and not for long.
    return changed && target.status !== "offered" ? [newsOf(target)] : [];
  });
}

function newsOf(target: TaskTarget): string {
  const why = whyText(target);
  const place = target.status === "running" && target.host !== undefined && target.agent !== undefined ? ` on ${target.host.name}` : "";
  return `${targetName(target)}: ${target.status}${place}${why === "" ? "" : target.waiting === undefined ? `: ${why}` : `, waits: ${why}`}`;
}

/** Of a line that agents write for programs, what a person would want of it. */
export function readableLine(line: string): string {
  const bare = withoutStamp(line).trim();
  return stripUnsafe(((bare.startsWith("{") ? spoken(bare) : undefined) ?? bare).trim(), 400);
}

function spoken(line: string): string | undefined {
  const event = parseObject(line);
  if (event === undefined) return undefined;
  const talk = anyTalk();
  const told = talk.lines(event);
  // Of a CLI that nobody knows, what looks most like speech.
  return told === undefined ? textIn(event, 0)?.trim().split("\n")[0] : ([...told, ...talk.rest()].at(-1) ?? "");
}

const SPOKEN = ["result", "text", "message", "content", "part", "item", "name", "type"] as const;

/** The first text under one of these names, however deep the CLI put it. */
function textIn(value: unknown, depth: number): string | undefined {
  if (typeof value === "string") return value.trim() === "" ? undefined : value;
  if (typeof value !== "object" || value === null || depth > 6) return undefined;
  if (Array.isArray(value)) return value.map((one: unknown) => textIn(one, depth + 1)).find((text) => text !== undefined);
  const entries = new Map<string, unknown>(Object.entries(value));
  return SPOKEN.map((key) => textIn(entries.get(key), depth + 1)).find((text) => text !== undefined);
}
