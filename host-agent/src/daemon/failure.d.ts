/** Telling refusals apart from bugs where something was thrown. */
import { MaestroFailure, type ErrorCode } from "@maestro/shared/errors";
export declare function isFailureOf(cause: unknown, ...codes: ErrorCode[]): cause is MaestroFailure;
