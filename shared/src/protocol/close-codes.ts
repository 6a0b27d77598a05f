/** [LK6] The one table of WebSocket close codes: what each means and whether to come back. */

/** `backoff`: redial with jitter. `once`: redial a single time. `wait`: not before something changed. */
export type Redial = "backoff" | "spread" | "once" | "wait" | "never";

export interface CloseRow {
  reason: string;
  redial: Redial;
  meaning: string;
}

export const CLOSE = {
  normal: 1000,
  goingAway: 1001,
  invalidText: 1007,
  restarting: 1012,
  badFrame: 4400,
  credential: 4401,
  forbidden: 4403,
  notFound: 4404,
  helloTimeout: 4408,
  superseded: 4409,
  tooLarge: 4413,
  upgradeRequired: 4426,
  tooManyRequests: 4429,
} as const;
export type CloseCode = (typeof CLOSE)[keyof typeof CLOSE];

export const CLOSE_TABLE: Record<CloseCode, CloseRow> = {
  1000: { reason: "done", redial: "never", meaning: "the far end finished" },
  1001: { reason: "going_away", redial: "spread", meaning: "the far end restarts; come back spread over 30 s" },
  1007: { reason: "invalid_text", redial: "backoff", meaning: "a text frame was not UTF-8" },
  1012: { reason: "restarting", redial: "spread", meaning: "the far end restarts; come back spread over 30 s" },
  4400: { reason: "bad_frame", redial: "backoff", meaning: "a known frame was malformed" },
  4401: { reason: "credential", redial: "wait", meaning: "the credential was revoked or expired" },
  4403: { reason: "forbidden", redial: "wait", meaning: "the credential lacks the right" },
  4404: { reason: "not_found", redial: "wait", meaning: "the session does not exist any more" },
  4408: { reason: "hello_timeout", redial: "backoff", meaning: "no hello within 5 s" },
  4409: { reason: "superseded", redial: "once", meaning: "a newer connection of the same identity took over" },
  4413: { reason: "frame_too_large", redial: "backoff", meaning: "a frame was larger than the limit" },
  4426: { reason: "upgrade_required", redial: "wait", meaning: "no common protocol version" },
  4429: { reason: "too_many_requests", redial: "backoff", meaning: "more control messages than allowed" },
};

/** Every code that is not in the table (1006 and the platform's own) is retried with backoff. */
export function redialFor(code: number): Redial {
  return isCloseCode(code) ? CLOSE_TABLE[code].redial : "backoff";
}

export const isCloseCode = (code: number): code is CloseCode => Object.hasOwn(CLOSE_TABLE, code);
