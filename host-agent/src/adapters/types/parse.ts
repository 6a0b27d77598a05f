/** One `agents.d` file into a type, or into what is wrong with it and on which line. Pure. */
import { isMap, isScalar, LineCounter, parseAllDocuments, type Document, type ParsedNode } from "yaml";
import { AgentTypeFile, ResourceLimits } from "@maestro/shared/contract/agent-types";
import { checkAgentType, type AgentType } from "@maestro/shared/contract/check-agent-type";
import { nearest } from "@maestro/shared/names";

export interface TypeProblem {
  problem: string;
  line: number | undefined;
}
export type ParsedType = { type: "type"; value: AgentType } | ({ type: "problem" } & TypeProblem);

export const MAX_TYPE_FILE_BYTES = 256 * 1024;
const MAX_ALIASES = 50;
const MAX_DEPTH = 32;

type Parsed = Document.Parsed<ParsedNode>;

export function parseTypeFile(bytes: Uint8Array): ParsedType {
  if (bytes.byteLength > MAX_TYPE_FILE_BYTES) return bad(`the file has ${bytes.byteLength} bytes; at most ${MAX_TYPE_FILE_BYTES} are read`);
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
  if (fault !== undefined) return bad(explainSyntax(fault.code, fault.message), lineAt(lines, fault.pos[0]));
  return readDocument(first, lines);
}

function readDocument(document: Parsed, lines: LineCounter): ParsedType {
  if (!isMap(document.contents)) return bad("the file has to be a mapping of keys and values", 1);
  const depth = depthOf(document.contents, MAX_DEPTH);
  if (depth > MAX_DEPTH) return bad(`the file is nested deeper than ${MAX_DEPTH} levels`);
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (cause) {
    return bad(cause instanceof ReferenceError ? `aliases expand to too much: ${cause.message}` : "the file cannot be read");
  }
  const parsed = AgentTypeFile.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    if (issue === undefined) return bad("the file is not a type");
    const path = issue.path.filter((part) => typeof part !== "symbol");
    if (issue.code === "unrecognized_keys") {
      const key = issue.keys[0] ?? "";
      const [near] = nearest(key, knownKeys(path), 1);
      return bad(`unknown key '${[...path, key].join(".")}'${near === undefined ? "" : `, did you mean '${near}'?`}`, lineOf(document, [...path, key], lines));
    }
    const missing = issue.code === "invalid_type" && document.getIn(path) === undefined;
    return bad(missing ? `'${path.join(".")}' is missing` : `'${path.join(".")}': ${issue.message}`, lineOf(document, path, lines));
  }
  const checked = checkAgentType(parsed.data);
  if (!checked.ok) return bad(checked.error.detail, lineOf(document, (checked.error.field ?? "").split("."), lines));
  return { type: "type", value: checked.value };
}

const knownKeys = (path: readonly (string | number)[]): string[] => Object.keys(path.length === 0 ? AgentTypeFile.shape : ResourceLimits.shape);

/** The line of the key itself, else of the nearest parent that is there. */
function lineOf(document: Parsed, path: readonly (string | number)[], lines: LineCounter): number | undefined {
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

function explainSyntax(code: string, message: string): string {
  if (code === "DUPLICATE_KEY") return "a key is there twice";
  if (code === "TAG_RESOLVE_FAILED") return "tags (`!…`) are not allowed here";
  if (code === "TAB_AS_INDENT") return "tabs cannot indent YAML";
  return message.split("\n")[0]?.replace(/ at line \d+, column \d+:?$/, "") ?? "not YAML";
}

function depthOf(node: unknown, limit: number): number {
  if (limit < 0 || typeof node !== "object" || node === null || !("items" in node) || !Array.isArray(node.items)) return 0;
  let deepest = 0;
  for (const item of node.items) {
    const child: unknown = typeof item === "object" && item !== null && "value" in item && !("items" in item) && "key" in item ? item.value : item;
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

const bad = (problem: string, line?: number): ParsedType => ({ type: "problem", problem, line });
