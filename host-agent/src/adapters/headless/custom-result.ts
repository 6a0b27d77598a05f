/** The result of a custom program, where its type says that it is a field of JSON. Pure. */
import { isObject, parseObject } from "./output.ts";
import type { EventReader } from "./findings.ts";

/** `json:a.b` → `["a", "b"]`; undefined for text. */
export const resultPath = (declared: string | undefined): string[] | undefined =>
  declared?.startsWith("json:") === true ? declared.slice("json:".length).split(".") : undefined;

/** Of JSON lines the last one that has the field. */
export function fieldReader(path: readonly string[]): EventReader {
  let result: string | undefined;
  return {
    event(event) {
      result = fieldOf(event, path) ?? result;
    },
    findings: () => (result === undefined ? {} : { result }),
  };
}

/** Of one document over several lines, which may stand behind something else. */
export function fieldOfDocument(text: string, path: readonly string[]): string | undefined {
  for (let at = text.search(/^\{/m); at !== -1;) {
    const document = parseObject(text.slice(at, text.lastIndexOf("}") + 1));
    if (document !== undefined) return fieldOf(document, path);
    const next = text.slice(at + 1).search(/^\{/m);
    at = next === -1 ? -1 : at + 1 + next;
  }
  return undefined;
}

function fieldOf(event: Readonly<Record<string, unknown>>, path: readonly string[]): string | undefined {
  let value: unknown = event;
  for (const name of path) value = isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  if (value === undefined || value === null) return undefined;
  return typeof value === "string" ? value : JSON.stringify(value);
}
