/** What is kept under a key: how long, how large, and whether the version is the one that was meant. */
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { MAX_STATE_VALUE_BYTES, STATE_TTL_MAX_S, STATE_TTL_S } from "@maestro/shared/limits";
import { err, ok, type Result } from "@maestro/shared/result";
import { escapeUnsafe } from "@maestro/shared/sanitize";

/** Seconds; undefined in the answer: it stays. */
export function checkTtl(ttl: number | "none" | undefined): Result<number | undefined> {
  if (ttl === undefined) return ok(STATE_TTL_S);
  if (ttl === "none") return ok(undefined);
  return ttl >= 1 && ttl <= STATE_TTL_MAX_S ? ok(ttl) : err(ttlOutOfRange(`A lifetime of ${ttl} s is not taken.`));
}

export const ttlOutOfRange = (detail: string): MaestroError =>
  maestroError("ttl_out_of_range", detail, {
    field: "ttl",
    hint: `From 1 s to 365 d (${STATE_TTL_MAX_S} s), or "none"; ${STATE_TTL_S} s unless given.`,
  });

/** @returns its size in bytes of UTF-8. */
export function checkValue(value: string): Result<number> {
  if (value.includes("\0"))
    return err(maestroError("nul_byte", "'value' contains a NUL byte.", { field: "value", hint: "Encode it, for example as base64." }));
  const bytes = utf8Bytes(value);
  return bytes <= MAX_STATE_VALUE_BYTES ? ok(bytes) : err(valueTooLarge(`The value has ${bytes} bytes.`));
}

export const valueTooLarge = (detail: string): MaestroError =>
  maestroError("value_too_large", detail, {
    field: "value",
    hint: `At most ${MAX_STATE_VALUE_BYTES} bytes (64 KiB); keep larger things in files.`,
  });

/** The version that must be there: of the body or of `If-Match`. 0: none. */
export function expectedVersion(inBody: number | undefined, ifMatch: string | undefined): Result<number | undefined> {
  if (ifMatch === undefined) return ok(inBody);
  const digits = /^(?:W\/)?"?(0|[1-9][0-9]{0,14})"?$/.exec(ifMatch.trim())?.[1];
  if (digits === undefined)
    return err(
      maestroError("field_invalid", `'If-Match: ${escapeUnsafe(ifMatch.slice(0, 64))}' names no version.`, {
        field: "if-match",
        hint: "Give the version that was read, for example If-Match: 3; 0 when there must be none.",
      }),
    );
  if (inBody !== undefined && inBody !== Number(digits))
    return err(
      maestroError("field_invalid", "'ifVersion' and If-Match name different versions.", { field: "ifVersion", hint: "Give one of them." }),
    );
  return ok(Number(digits));
}

/** @param present the version that is there; 0 when there is none. */
export function versionConflict(key: string, present: number, expected: number | undefined): MaestroError | undefined {
  if (expected === undefined || expected === present) return undefined;
  return maestroError(
    "version_conflict",
    `'${key}' is ${present === 0 ? "not there" : `at version ${present}`}, not ${expected === 0 ? "absent" : `at ${expected}`}.`,
    {
      field: "ifVersion",
      hint: "Read it again, then decide anew.",
      extra: { version: present },
    },
  );
}

/** Without platform functions. A lone surrogate counts as the three bytes that it is stored as. */
export function utf8Bytes(text: string): number {
  let bytes = 0;
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes;
}
