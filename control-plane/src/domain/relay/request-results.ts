/** [VR5] What a host answers is held against the schema of what it was asked. */
import { maestroError } from "@maestro/shared/errors";
import { RequestResults, type RequestName, type RequestResult } from "@maestro/shared/protocol/link";
import { err, ok, type Result } from "@maestro/shared/result";
import type * as z from "zod";

const RESULTS: { readonly [N in RequestName]: z.ZodType<RequestResult<N>> } = RequestResults;

export function checkResult<N extends RequestName>(name: N, value: unknown): Result<RequestResult<N>> {
  const checked = RESULTS[name].safeParse(value);
  if (checked.success) return ok(checked.data);
  return err(maestroError("frame_invalid", `The host's answer to '${name}' is malformed.`, { hint: "Upgrade the host-agent." }));
}

/** Of an answer that was checked before it was sent on as JSON. */
export const resultOf = <N extends RequestName>(name: N, json: string): RequestResult<N> => RESULTS[name].parse(JSON.parse(json));
