import { expect, test } from "vitest";
import { isTransient } from "@maestro/shared/contract/task-reasons";
import { maestroError, type ErrorCode } from "@maestro/shared/errors";
import { reasonOf } from "./reasons.ts";

test.each<[ErrorCode, string]>([
  ["field_invalid", "a prompt that the CLI would read as a flag"],
  ["field_missing", "no mode for a CLI that needs one"],
  ["prompt_too_large", "a prompt that is too long for an argument"],
])("%s, as for %s, is final: asked again the host would answer the same", (code, detail) => {
  const reason = reasonOf(maestroError(code, detail));
  expect(reason).toEqual({ code: "spawn_failed", detail });
  expect(isTransient(reason.code)).toBe(false);
});
