/** Why an attached socket ended, in the user's words, and whether to dial again. Pure. */
import { ERRORS, fail, isErrorCode, type MaestroFailure } from "@maestro/shared/errors";
import { CLOSE_TABLE, isCloseCode, redialFor } from "@maestro/shared/protocol/close-codes";
import type { ServerRefusal } from "../render/failure.ts";

export type Ended = { type: "redial"; why: string } | { type: "over"; failure: MaestroFailure | ServerRefusal | undefined };

/** What the far end said in an error frame; its code is repeated as the reason of the close that it led to. */
export interface Said {
  code: string;
  detail: string;
  hint?: string | undefined;
}

export function endOf(code: number, reason: string, said: Said | undefined): Ended {
  const last = said?.code === reason ? said : undefined;
  const why = whyOf(code, reason, last);
  switch (redialFor(code)) {
    case "backoff":
    case "spread":
    case "once":
      return { type: "redial", why: last?.hint === undefined ? why : `${why} ${last.hint}` };
    case "never":
      return { type: "over", failure: undefined };
    case "wait":
      return { type: "over", failure: failureOf(code, why, last?.hint) };
  }
}

/** A close code stands for many refusals: what was said is more than what the code means by itself. */
function whyOf(code: number, reason: string, last: Said | undefined): string {
  if (last !== undefined) return last.detail;
  const row = isCloseCode(code) ? CLOSE_TABLE[code] : undefined;
  if (isErrorCode(reason) && reason !== row?.reason) return ERRORS[reason].title;
  return row?.meaning ?? (reason === "" ? `the connection closed (${code})` : reason);
}

function failureOf(code: number, why: string, hint: string | undefined): MaestroFailure {
  const detail = `The session was closed: ${why.replace(/\.$/, "")}.`;
  const place = (own: string | undefined) => ((hint ?? own) === undefined ? {} : { hint: hint ?? own ?? "" });
  switch (code) {
    case 4401:
      return fail("token_revoked", detail, place("Log in again: maestro login <url>"));
    case 4403:
      return fail("scope_missing", detail, place(undefined));
    case 4404:
      return fail("session_not_found", detail, place(undefined));
    default:
      return fail("upgrade_required", detail, place("Install the control plane's own version: its /install.sh does."));
  }
}
