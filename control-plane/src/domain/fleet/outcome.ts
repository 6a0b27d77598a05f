/** Whether something that failed may have been done all the same. */
import { MaestroFailure, type ErrorCode } from "@maestro/shared/errors";

/** The host was asked, and what came back says nothing of what it did; or something broke in the middle. */
const INDEFINITE: ReadonlySet<ErrorCode> = new Set(["timeout", "host_unreachable", "frame_invalid", "internal"]);

/** The host was away before anything was sent to it: whatever the code, it did nothing. */
export class NeverSent extends MaestroFailure {}

/** A refusal that says for certain that nothing was done. */
export const isDefinite = (error: unknown): boolean =>
  error instanceof NeverSent || (error instanceof MaestroFailure && !INDEFINITE.has(error.error.code));
