/** Telling refusals apart from bugs where something was thrown. */
import { MaestroFailure, type ErrorCode } from "@maestro/shared/errors";

export function isFailureOf(cause: unknown, ...codes: ErrorCode[]): cause is MaestroFailure {
  return cause instanceof MaestroFailure && codes.includes(cause.error.code);
}
