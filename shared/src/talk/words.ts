/** How what an agent did reads: what it said as it is, `>` before what it used, `!` before what went wrong, `=` before how it stands. Pure. */

export type Event = Readonly<Record<string, unknown>>;

const isRecord = (value: unknown): value is Event => typeof value === "object" && value !== null && !Array.isArray(value);

export function at(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, key) => (isRecord(inner) ? inner[key] : undefined), value);
}

/** Empty where there is no text. */
export function textAt(value: unknown, ...path: readonly string[]): string {
  const found = at(value, ...path);
  return typeof found === "string" ? found : "";
}

export const listAt = (value: unknown, ...path: readonly string[]): readonly unknown[] => {
  const found = at(value, ...path);
  return Array.isArray(found) ? found : [];
};

export const said = (text: string): string[] => (text.trim() === "" ? [] : text.trimEnd().split("\n"));

/** What it says of itself may be anything: not all of that has words. */
export const numberAt = (value: unknown, ...path: readonly string[]): string => {
  const found = at(value, ...path);
  return typeof found === "number" ? String(found) : "?";
};

/** What of a tool's input tells most, the first that is there. */
const TELLING = ["command", "file_path", "filePath", "path", "pattern", "query", "url", "description", "prompt"];
const MAX_INPUT_CHARS = 200;

export function used(tool: string, input: unknown): string[] {
  const texts = TELLING.map((key) => textAt(input, key)).filter((text) => text !== "");
  const text = (typeof input === "string" ? input : (texts[0] ?? "")).trim().split("\n")[0] ?? "";
  return [`> ${tool === "" ? "a tool" : tool}${text === "" ? "" : ` ${clipped(text)}`}`];
}

const clipped = (text: string): string => (text.length > MAX_INPUT_CHARS ? `${text.slice(0, MAX_INPUT_CHARS - 1)}…` : text);

/** Of what a tool answered, the beginning: all of it is in the log. */
const SHOWN_LINES = 5;

export function answered(text: string): string[] {
  const lines = said(text);
  const more = lines.length - SHOWN_LINES;
  return [...lines.slice(0, SHOWN_LINES), ...(more > 0 ? [`… ${more} more ${more === 1 ? "line" : "lines"}`] : [])].map(
    (line) => `  ${line}`,
  );
}

export const failed = (text: string): string[] => said(text).map((line, i) => `${i === 0 ? "!" : " "} ${line}`);

export const begun = (session: string, model = ""): string[] => [`= session ${session}${model === "" ? "" : `, ${model}`}`];

/** @param costUsd what its CLI says that it cost. */
export function stands(how: string, turns: unknown, costUsd: unknown): string {
  const count = typeof turns === "number" ? ` after ${turns} ${turns === 1 ? "turn" : "turns"}` : "";
  return `= ${how}${count}${typeof costUsd === "number" && costUsd > 0 ? `, $${costUsd.toFixed(4)}` : ""}`;
}
