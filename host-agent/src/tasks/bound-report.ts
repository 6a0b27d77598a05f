/** An end fits one control frame whatever its result is made of; the log has all of it. */
import { MAX_CONTROL_BYTES, MAX_RESULT_BYTES } from "@maestro/shared/limits";
import type { AttemptEnd } from "@maestro/shared/protocol/tasks";

/** For the rest of the frame. */
const ROOM_BYTES = MAX_CONTROL_BYTES - 16 * 1024;

export function boundReport(end: AttemptEnd): AttemptEnd {
  const { result } = end;
  if (result === undefined) return end;
  let cut = result;
  if (Buffer.byteLength(cut) > MAX_RESULT_BYTES)
    cut = new TextDecoder().decode(Buffer.from(cut).subarray(0, MAX_RESULT_BYTES)).replace(/\uFFFD+$/, "");
  // Escaped, a control character takes six bytes.
  while (Buffer.byteLength(JSON.stringify(cut)) > ROOM_BYTES) cut = cut.slice(0, Math.floor(cut.length / 2));
  return cut === result ? end : { ...end, result: cut, resultTruncated: true };
}
