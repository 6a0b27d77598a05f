/** Sending on and closing hibernatable sockets; a socket that closed a moment ago is not an error. */
import { CLOSE, type CloseCode } from "@maestro/shared/protocol/close-codes";
import { ERRORS, type ErrorCode, type MaestroError } from "@maestro/shared/errors";
import { VERSIONS } from "@maestro/shared/protocol/version";

export function send(socket: WebSocket, data: string | ArrayBuffer): boolean {
  try {
    socket.send(data);
    return true;
  } catch {
    // It closed a moment ago; its close event follows.
    return false;
  }
}

/** The reason carries the code of the table of refusals, and for 4426 the range that is spoken here. */
export function close(socket: WebSocket, code: CloseCode, reason: ErrorCode | "going_away" | "done"): void {
  try {
    socket.close(code, reason === "upgrade_required" ? `${reason} ${VERSIONS.min}-${VERSIONS.max}` : reason);
  } catch {
    // Closed already.
  }
}

const CLOSE_CODES: Partial<Record<ErrorCode, CloseCode>> = {
  upgrade_required: CLOSE.upgradeRequired,
  rate_limited: CLOSE.tooManyRequests,
  policy_denied: CLOSE.forbidden,
  frame_too_large: CLOSE.tooLarge,
  hello_timeout: CLOSE.helloTimeout,
};

/**
 * The close code of a refusal that ends a socket. One that has no code of its own, such as `backend_unavailable`, goes
 * as 4400, which is retried with backoff, as it should be; what it was is in the reason, and in the frame before it.
 */
export function closeCodeFor({ code }: MaestroError): CloseCode {
  const { status } = ERRORS[code];
  return CLOSE_CODES[code] ?? (status === 401 ? CLOSE.credential : status === 404 ? CLOSE.notFound : CLOSE.badFrame);
}

/** What the codecs call an invalid field is `offset_invalid` when the field is an offset. */
export function asFrameError(error: MaestroError): MaestroError {
  const last = error.field?.split(".").at(-1);
  return error.code === "frame_invalid" && (last === "offset" || last === "from" || last === "to" || last === "sent" || last === "acked")
    ? { ...error, code: "offset_invalid" }
    : error;
}

/** What the platform put in place of bytes that are not UTF-8; no frame of a viewer has a use for it. */
export const REPLACEMENT = "\uFFFD";
