/** Keys of the shared state: which there may be, and who writes which. */
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { MAX_STATE_KEY_BYTES } from "@maestro/shared/limits";
import { err, ok, type Result } from "@maestro/shared/result";
import { escapeUnsafe } from "@maestro/shared/sanitize";

// ASCII: a character is a byte, sorts as it reads, and nothing looks like something else.
const KEY = /^[A-Za-z0-9_][A-Za-z0-9_.:/@+-]*$/;
/** What an object of JavaScript has by itself: a script that collects keys into one would not get what it stored. */
const RESERVED: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);
const RESULT = /^task:[^:]*:result$/;
const TAKEN = `Letters, digits and . _ : / @ + - are taken, beginning with a letter, a digit or _; ${MAX_STATE_KEY_BYTES} bytes at most.`;

/** Sorts after every character of a key: [prefix, prefix~) is exactly what begins with it. */
export const AFTER_KEYS = "~";

/** Where the result of a task is found; only the Scheduler writes it. */
export const resultKey = (task: string): string => `task:${task}:result`;

/** Whose key it is, if it is a task's: `task:<id>:…`. */
export const taskOfKey = (key: string): string | undefined => /^task:([^:]*):/.exec(key)?.[1];

export function checkKey(key: string): Result<string> {
  if (key === "") return invalid("The key is empty.");
  if (key.length > MAX_STATE_KEY_BYTES) return invalid(`The key is longer than ${MAX_STATE_KEY_BYTES} bytes.`);
  if (key.split(/[:/.]/).some((part) => RESERVED.has(part))) return err(reserved(key, "Choose another name."));
  if (!KEY.test(key) || key.split("/").some((part) => part === ".." || part === "." || part === ""))
    return invalid(`'${shown(key)}' is no key.`);
  return ok(key);
}

/** The beginning of keys; the empty one begins them all. */
export function checkPrefix(prefix: string): Result<string> {
  if (prefix === "" || KEY.test(prefix)) return ok(prefix);
  return err(maestroError("key_invalid", `No key begins with '${shown(prefix)}'.`, { field: "prefix", hint: TAKEN }));
}

/** @param agent who writes, when it is one: it writes what is its own or everybody's. */
export function checkWritable(key: string, agent?: { task: string; name?: string | undefined }): Result<string> {
  const checked = checkKey(key);
  if (!checked.ok) return checked;
  if (RESULT.test(key)) return err(reserved(key, "It is set when the task succeeds, and expires by itself."));
  if (agent === undefined) return checked;
  const own = [`task:${agent.task}:`, ...(agent.name === undefined ? [] : [`agent:${agent.name}:`]), "shared:"];
  return own.some((prefix) => key.startsWith(prefix) && key.length > prefix.length)
    ? checked
    : err(
        maestroError("agent_forbidden", `An agent does not write '${shown(key)}'.`, {
          field: "key",
          hint: `It writes keys that begin with ${own.join(", ")}.`,
        }),
      );
}

const shown = (text: string): string => escapeUnsafe(text.slice(0, 64));
const invalid = (detail: string) => err(maestroError("key_invalid", detail, { field: "key", hint: TAKEN }));
const reserved = (key: string, hint: string): MaestroError =>
  maestroError("key_reserved", `The key '${shown(key)}' is reserved.`, { field: "key", hint });
