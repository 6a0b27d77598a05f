/** How a headless attempt went, by its log and its exit. The log is the child's stdout and stderr together. */
import type { FileHandle } from "node:fs/promises";
import type { AgentType } from "@maestro/shared/contract/check-agent-type";
import type { TaskReason, Usage } from "@maestro/shared/contract/tasks";
import { MAX_RESULT_BYTES } from "@maestro/shared/limits";
import type { Adapter } from "../adapter.ts";
import { fieldOfDocument, fieldReader, resultPath } from "./custom-result.ts";
import { classifyOutput, reason } from "./failures.ts";
import type { EventReader, Findings } from "./findings.ts";
import { failureOfWay } from "./run-failure.ts";
import { openLog, readEvents, readTail, type Tail } from "./output.ts";

export interface Exit {
  /** Null when a signal ended it. */
  exitCode: number | null;
  signal?: string | undefined;
}

export interface Outcome {
  result?: string;
  resultTruncated?: boolean;
  usage?: Usage;
  session?: string;
  /** Absent when it succeeded. */
  reason?: TaskReason;
}

/** Enough for the longest result, and its escapes. */
const TAIL_BYTES = 8 * MAX_RESULT_BYTES;
/** As a shell says it. */
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;

/** @param output the log, after its redaction; `type` of the agent where it has one. */
export async function readOutcome(
  adapter: Adapter,
  output: { stdoutFile: string; type?: AgentType | undefined },
  exit: Exit,
): Promise<Outcome> {
  const file = await openLog(output.stdoutFile);
  if (file === undefined) return conclude(adapter, {}, { text: "", cut: false }, exit, 0);
  try {
    const { mtimeMs } = await file.stat();
    const tail = await readTail(file, TAIL_BYTES);
    return conclude(adapter, await findingsOf(adapter, output.type, file, tail, mtimeMs), tail, exit, mtimeMs);
  } finally {
    await file.close();
  }
}

/** @param nowMs when it last wrote: what "in 20 minutes" counts from, also when this is read later. */
async function findingsOf(adapter: Adapter, type: AgentType | undefined, file: FileHandle, tail: Tail, nowMs: number): Promise<Findings> {
  const { output } = adapter.headless;
  const path = adapter.name === "custom" ? resultPath(type?.result) : undefined;
  if (path !== undefined) {
    const found = await readAll(file, fieldReader(path), nowMs);
    const whole = found.result ?? fieldOfDocument(tail.text, path);
    return whole === undefined
      ? { finished: false, failure: reason("agent_error", `Its output has no JSON with the field '${path.join(".")}'.`) }
      : { result: whole };
  }
  switch (output.kind) {
    case "events":
      return readAll(file, output.reader(), nowMs);
    case "text":
      return { result: tail.text.trim(), ...output.reader?.()(tail.text) };
    case "plain":
      return { result: tail.text.trim() };
  }
}

async function readAll(file: FileHandle, reader: EventReader, nowMs: number): Promise<Findings> {
  await readEvents(file, (event) => reader.event(event));
  return reader.findings(nowMs);
}

function conclude(adapter: Adapter, findings: Findings, tail: Tail, exit: Exit, nowMs: number): Outcome {
  const { result, usage, session } = findings;
  const why = whyNot(adapter, findings, tail, exit, nowMs);
  const clipped = result === undefined || result === "" ? undefined : clip(result, tail.cut && adapter.headless.output.kind !== "events");
  return {
    ...(clipped === undefined ? {} : { result: clipped.text, ...(clipped.cut ? { resultTruncated: true } : {}) }),
    ...(usage === undefined ? {} : { usage }),
    ...(session === undefined ? {} : { session }),
    ...(why === undefined ? {} : { reason: why }),
  };
}

/** What the CLI says itself counts most; then what its output looks like; then how it exited. */
function whyNot(adapter: Adapter, { failure, finished }: Findings, { text }: Tail, exit: Exit, nowMs: number): TaskReason | undefined {
  const { exitCode, signal } = exit;
  if (exitCode === null)
    return reason(
      "killed_by_signal",
      `It was ended by ${signal ?? "a signal"}.${failure === undefined ? "" : ` It had said: ${failure.detail}`}`,
    );
  const isAgent = adapter.headless.output.kind !== "plain";
  const way = finished === true ? undefined : failureOfWay(adapter, text, exitCode);
  if (way !== undefined) return way;
  if (adapter.binaries.length > 0 && finished !== true) {
    const unstarted = `${adapter.title} could not be started. ${lastLine(text)}`;
    if (exitCode === NOT_FOUND) return reason("agent_cli_missing", unstarted, `Install it there: ${adapter.install}`);
    if (exitCode === NOT_EXECUTABLE) return reason("spawn_failed", unstarted);
  }
  if (failure !== undefined && (exitCode === 0 || failure.code !== "agent_error")) return failure;
  if (exitCode !== 0) {
    const known = isAgent ? classifyOutput(text, nowMs) : undefined;
    const said = lastLine(text);
    return known ?? failure ?? reason("exit_nonzero", `It ended with exit code ${exitCode}${said === "" ? "." : `: ${said}`}`);
  }
  if (adapter.headless.output.kind !== "events" || finished === true) return undefined;
  return classifyOutput(text, nowMs) ?? reason("agent_error", `It ended without an answer. ${lastLine(text)}`);
}

const lastLine = (text: string): string => text.trimEnd().split("\n").at(-1)?.trim().slice(0, 300) ?? "";

/** The end of it: there the answer stands. Not cut in the middle of a character. */
function clip(result: string, cut: boolean): { text: string; cut: boolean } {
  const bytes = Buffer.from(result);
  if (bytes.byteLength <= MAX_RESULT_BYTES) return { text: result, cut };
  let begin = bytes.byteLength - MAX_RESULT_BYTES;
  while (((bytes[begin] ?? 0) & 0xc0) === 0x80) begin += 1;
  return { text: bytes.toString("utf8", begin), cut: true };
}
