/** A bounded log: the present file and one before it. */
import { appendFileSync, renameSync, statSync } from "node:fs";

const MAX_BYTES = 5 * 1024 * 1024;

/** Losing log lines on a full disk is better than losing what they are about. */
export function appendLog(file: string, text: string): void {
  try {
    const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    if (size + text.length > MAX_BYTES) renameSync(file, `${file}.1`);
    appendFileSync(file, text, { mode: 0o600 });
  } catch {
    return;
  }
}
