/** Whoever has this one has all. */
const LAST = "referrer-policy";

/** What every answer carries. */
export const baseHeaders = (requestId: string): Record<string, string> => ({
  "x-request-id": requestId,
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  [LAST]: "no-referrer",
});

/** Those that it has not; throws where the headers cannot be written to. */
export function addBaseHeaders(headers: Headers, requestId: string): void {
  if (headers.has(LAST)) return;
  for (const [name, value] of Object.entries(baseHeaders(requestId))) if (!headers.has(name)) headers.set(name, value);
}
