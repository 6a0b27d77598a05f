/** YAML from people, with budgets: one document, no tags, no duplicate keys, few aliases, little depth. Pure. */
import { isMap, isScalar, LineCounter, parseAllDocuments, type Document, type ParsedNode } from "yaml";

export interface YamlProblem {
  problem: string;
  line: number | undefined;
}
export type YamlPath = readonly (string | number)[];
export type StrictYaml =
  | { type: "value"; value: unknown; lineOf(path: YamlPath): number | undefined; has(path: YamlPath): boolean }
  | ({ type: "problem" } & YamlProblem);

export const MAX_YAML_BYTES = 256 * 1024;
const MAX_ALIASES = 50;
const MAX_DEPTH = 32;

type Parsed = Document.Parsed<ParsedNode>;

/** The top level has to be a mapping. */
export function parseStrictYaml(bytes: Uint8Array): StrictYaml {
  if (bytes.byteLength > MAX_YAML_BYTES) return bad(`the file has ${bytes.byteLength} bytes; at most ${MAX_YAML_BYTES} are read`);
  const text = decodeUtf8(bytes);
  if (text === undefined) return bad("the file is not UTF-8", 1);
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines, uniqueKeys: true, strict: true, logLevel: "silent" });
  const first = documents[0];
  if (!Array.isArray(documents) || first === undefined) return bad("the file is empty", 1);
  const second = documents[1];
  if (second !== undefined) return bad("the file holds more than one document", lineAt(lines, second.range[0]));
  // An unknown tag is only a warning to the parser; here it is an attempt at something.
  const fault = first.errors[0] ?? first.warnings[0];
  if (fault !== undefined) return bad(explain(fault.code, fault.message), lineAt(lines, fault.pos[0]));
  if (!isMap(first.contents)) return bad("the file has to be a mapping of keys and values", 1);
  if (depthOf(first.contents, MAX_DEPTH) > MAX_DEPTH) return bad(`the file is nested deeper than ${MAX_DEPTH} levels`);
  try {
    const value: unknown = first.toJS({ maxAliasCount: MAX_ALIASES });
    return { type: "value", value, lineOf: (path) => lineOf(first, path, lines), has: (path) => first.getIn(path) !== undefined };
  } catch (cause) {
    return bad(cause instanceof ReferenceError ? `aliases expand to too much: ${cause.message}` : "the file cannot be read");
  }
}

/** The line of the key itself, else of the nearest parent that is there. */
function lineOf(document: Parsed, path: YamlPath, lines: LineCounter): number | undefined {
  for (let length = path.length; length > 0; length--) {
    const parent = length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true);
    if (!isMap(parent)) continue;
    const pair = parent.items.find(({ key }) => isScalar(key) && String(key.value) === String(path[length - 1]));
    const start = isScalar(pair?.key) ? pair.key.range?.[0] : undefined;
    if (start !== undefined) return lineAt(lines, start);
  }
  return 1;
}

const lineAt = (lines: LineCounter, offset: number): number => Math.max(1, lines.linePos(offset).line);

function explain(code: string, message: string): string {
  if (code === "DUPLICATE_KEY") return "a key is there twice";
  if (code === "TAG_RESOLVE_FAILED") return "tags (`!…`) are not allowed here";
  if (code === "TAB_AS_INDENT") return "tabs cannot indent YAML";
  return message.split("\n")[0]?.replace(/ at line \d+, column \d+:?$/, "") ?? "not YAML";
}

function depthOf(node: unknown, limit: number): number {
  if (limit < 0 || typeof node !== "object" || node === null || !("items" in node) || !Array.isArray(node.items)) return 0;
  let deepest = 0;
  for (const item of node.items) {
    const child: unknown = typeof item === "object" && item !== null && "key" in item && "value" in item ? item.value : item;
    deepest = Math.max(deepest, depthOf(child, limit - 1));
  }
  return deepest + 1;
}

function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

const bad = (problem: string, line?: number): StrictYaml => ({ type: "problem", problem, line });
