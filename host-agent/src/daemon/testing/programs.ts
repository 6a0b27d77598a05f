/** The programs that tests start: bundled before the first of them by vitest's set-up, else from their sources. */
import * as path from "node:path";

const bundled = process.env["UNIT_PROGRAMS"];
const entry = (name: string, source: string): string =>
  bundled === undefined ? path.resolve(import.meta.dirname, "../..", source) : path.join(bundled, `${name}.js`);

export const BIN = entry("bin", "bin.ts");
export const HOLDER_ENTRY = entry("holder-entry", "holder/testing/holder-entry.ts");
export const TASKS_ENTRY = entry("tasks-entry", "tasks/testing/tasks-entry.ts");
