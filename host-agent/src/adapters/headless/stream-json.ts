/** Claude Code's `stream-json`, which Qwen Code and Amp speak too: the last `result` event says it all. */
import * as z from "zod";
import { codeOfStatus, failureOf, reason } from "./failures.ts";
import { usageOf, type EventReader, type Findings } from "./findings.ts";

const Count = z.number().optional().catch(undefined);
const Result = z.looseObject({
  type: z.literal("result"),
  subtype: z.string().catch(""),
  is_error: z.boolean().catch(false),
  result: z.string().optional().catch(undefined),
  error: z.unknown().optional(),
  errors: z.array(z.string()).optional().catch(undefined),
  session_id: z.string().max(128).optional().catch(undefined),
  /** What the provider answered, where it was that. */
  api_error_status: z.number().nullish().catch(undefined),
  total_cost_usd: Count,
  num_turns: Count,
  usage: z
    .looseObject({ input_tokens: Count, output_tokens: Count, cache_read_input_tokens: Count, cache_creation_input_tokens: Count })
    .optional()
    .catch(undefined),
  permission_denials: z.array(z.looseObject({ tool_name: z.string().catch("a tool") })).catch([]),
});
type Result = z.infer<typeof Result>;

const Session = z.looseObject({ session_id: z.string().max(128) });
/** Told on the way; `rejected` is why a request was refused. */
const RateLimit = z.looseObject({
  type: z.literal("rate_limit_event"),
  rate_limit_info: z.looseObject({ status: z.string(), resetsAt: z.number().optional().catch(undefined) }),
});

/** What the subtypes of a failed result mean that carry no text. */
const SUBTYPES: Readonly<Record<string, string>> = {
  error_max_turns: "It used up its turns.",
  error_max_budget_usd: "It used up its budget.",
  error_during_execution: "An error ended its work.",
};

export function streamJson(): EventReader {
  let session: string | undefined;
  let result: Result | undefined;
  let resetsAt: number | undefined;
  return {
    event(event) {
      if (session === undefined) session = Session.safeParse(event).data?.session_id;
      if (event["type"] === "result") result = Result.safeParse(event).data ?? result;
      const limit = event["type"] === "rate_limit_event" ? RateLimit.safeParse(event).data : undefined;
      if (limit?.rate_limit_info.status === "rejected") resetsAt = limit.rate_limit_info.resetsAt;
    },
    findings: (nowMs) => ({
      ...(session === undefined ? {} : { session }),
      ...(result === undefined ? {} : ofResult(result, nowMs, resetsAt)),
    }),
  };
}

function ofResult(result: Result, nowMs: number, resetsAt: number | undefined): Findings {
  const failure = failureIn(result, nowMs);
  const at = failure?.code === "quota_limit" && resetsAt !== undefined ? { retryAt: new Date(resetsAt * 1000).toISOString() } : {};
  return {
    finished: true,
    // The text of a failure is no result.
    ...(result.result === undefined || result.is_error ? {} : { result: result.result }),
    ...(result.session_id === undefined ? {} : { session: result.session_id }),
    ...usageOf({
      inputTokens: result.usage?.input_tokens,
      outputTokens: result.usage?.output_tokens,
      cacheReadTokens: result.usage?.cache_read_input_tokens,
      cacheWriteTokens: result.usage?.cache_creation_input_tokens,
      costUsd: result.total_cost_usd,
      turns: result.num_turns,
    }),
    ...(failure === undefined ? {} : { failure: { ...failure, ...at } }),
  };
}

function failureIn({ is_error, subtype, result, error, errors, permission_denials, api_error_status }: Result, nowMs: number) {
  if (is_error || (subtype !== "success" && subtype !== "")) {
    const said = [result, typeof error === "string" ? error : undefined, ...(errors ?? [])].filter(
      (text) => text !== undefined && text !== "",
    );
    const text = said.length === 0 ? (SUBTYPES[subtype] ?? `It ended with '${subtype}'.`) : said.join(" ");
    const code = codeOfStatus(api_error_status ?? 0);
    const known = failureOf(text, nowMs);
    return code === undefined ? known : { ...known, ...reason(code, text) };
  }
  if (permission_denials.length === 0) return undefined;
  const tools = [...new Set(permission_denials.map(({ tool_name }) => tool_name))].slice(0, 10).join(", ");
  return reason("permission_denied", `It was not permitted to use ${tools}.`);
}
