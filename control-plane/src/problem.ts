/** A refusal as an HTTP answer; the one place that renders `application/problem+json`. */
import { ERRORS, toProblem, type MaestroError } from "@maestro/shared/errors";

export function problemResponse(error: MaestroError, requestId: string, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(toProblem(error, requestId)), {
    status: ERRORS[error.code].status,
    headers: { "content-type": "application/problem+json", "cache-control": "no-store", "x-request-id": requestId, ...headers },
  });
}
