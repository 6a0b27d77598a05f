/** Known failures of agent CLIs and their providers by what they print: one table, most telling first. Pure. */
import type { TaskReason } from "@maestro/shared/contract/tasks";
import type { TaskReasonCode } from "@maestro/shared/contract/task-reasons";
import { stripUnsafe } from "@maestro/shared/sanitize";
import { retryAt } from "./reset-time.ts";

interface Known {
  code: TaskReasonCode;
  pattern: RegExp;
}

const KNOWN: readonly Known[] = [
  {
    code: "context_overflow",
    pattern:
      /prompt is too long|input is too long|context[ _](?:length|window)[ _]?exceeded|maximum context length|exceeds? the (?:model's )?context|(?:ran )?out of room in the model's context|input token count .{0,40}exceeds|too many (?:input )?tokens/i,
  },
  {
    code: "quota_limit",
    pattern:
      /(?:usage|rate|request|session|weekly|daily|token|spending)[ _-]?limit|hit your (?:\w+ )?limit|limit reached|quota|too many requests|resource[_ ]exhausted|credit balance is too low|insufficient (?:credits?|funds|balance)|payment required|\b429\b/i,
  },
  {
    code: "auth_failed",
    pattern:
      /not logged in|please (?:run )?\/?log ?in|please sign in|log ?in (?:is )?required|invalid (?:x-)?api[- _]?key|incorrect api key|api key (?:not|is missing|is invalid|expired)|no api key|missing (?:api key|bearer|authentication|environment variable)|must specify .{0,40}api[_ ]key|authentication[ _](?:error|failed|required)|no authentication|not authenticated|unauthorized|oauth token (?:has )?(?:expired|revoked)|token (?:has )?expired|set an auth method|\b401\b/i,
  },
  {
    code: "network",
    pattern:
      /ECONNREFUSED|ECONNRESET|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EPIPE|getaddrinfo|fetch failed|socket hang up|connection (?:error|refused|reset|closed|timed out)|connectionrefused|cannot connect|could ?n[o']t connect|unable to connect|failed to connect|error sending request|stream disconnected|network (?:error|is unreachable)|overloaded|service unavailable|bad gateway|gateway time-?out|internal server error|exceeded retry limit|\b(?:API Error:?|status(?: code)?:?) 5\d\d\b|\b(?:500|502|503|504|529)\b/i,
  },
  { code: "permission_denied", pattern: /permission (?:was )?(?:denied|rejected)|not permitted|requires approval|auto-reject/i },
];

const HINTS: Partial<Record<TaskReasonCode, string>> = {
  auth_failed: "Log the agent's CLI in on that host, or give it a key: `maestro secret set`, then `--secret NAME`.",
  context_overflow: "Shorten the prompt, or split the work into several tasks.",
  permission_denied: "Its agent type's `permissions` (plan, edit, full) say what it may do unasked.",
};

const MAX_DETAIL_CHARS = 500;

export function reason(code: TaskReasonCode, detail: string, hint: string | undefined = HINTS[code]): TaskReason {
  const said = stripUnsafe(detail.trim().replace(/\s+/g, " "), MAX_DETAIL_CHARS);
  return { code, detail: said === "" ? "It gave no reason." : said, ...(hint === undefined ? {} : { hint }) };
}

/** What a message means; undefined when it is none of the known failures. */
export function classify(message: string, nowMs: number): TaskReason | undefined {
  const known = KNOWN.find(({ pattern }) => pattern.test(message));
  if (known === undefined) return undefined;
  const at = known.code === "quota_limit" ? retryAt(message, nowMs) : undefined;
  return { ...reason(known.code, message), ...(at === undefined ? {} : { retryAt: at }) };
}

/** What a provider's status says for sure; others need its words. */
export function codeOfStatus(status: number): TaskReasonCode | undefined {
  if (status === 401 || status === 403) return "auth_failed";
  if (status === 402 || status === 429) return "quota_limit";
  return status >= 500 ? "network" : undefined;
}

/** A message of a CLI that says itself that it failed. */
export const failureOf = (message: string, nowMs: number): TaskReason => classify(message, nowMs) ?? reason("agent_error", message);

/** In whole output only lines that look like a complaint count: an answer may well be about quotas. */
export function classifyOutput(tail: string, nowMs: number): TaskReason | undefined {
  const complaints = tail
    .split("\n")
    .filter((line) => /error|fail|limit|quota|denied|reject|auth|log ?in|api key|refused|too (?:long|many)/i.test(line));
  for (const line of complaints.slice(-20).reverse()) {
    const found = classify(line, nowMs);
    if (found !== undefined) return found;
  }
  return undefined;
}
