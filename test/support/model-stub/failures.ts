/** How the two vendors refuse. Clients are told not to try again: a test that fails should not take its time. */
import { QUOTA_RESETS_S, type FailKind } from "./answer.ts";
import type { Answer } from "./server.ts";

const NO_RETRY = { "x-should-retry": "false" };
const resetsAt = (): number => Math.floor(Date.now() / 1000) + QUOTA_RESETS_S;

export function anthropicFailure(kind: FailKind, prompt: string): Answer {
  const answer = (status: number, type: string, message: string, headers: Record<string, string> = {}): Answer => ({
    kind: "json",
    prompt,
    status,
    value: { type: "error", error: { type, message } },
    headers: { ...NO_RETRY, ...headers },
  });
  switch (kind) {
    case "auth":
      return answer(401, "authentication_error", "invalid x-api-key");
    case "quota":
      return answer(429, "rate_limit_error", "This request would exceed your account's rate limit. Please try again later.", {
        "retry-after": String(QUOTA_RESETS_S),
        "anthropic-ratelimit-unified-status": "rejected",
        "anthropic-ratelimit-unified-reset": String(resetsAt()),
        "anthropic-ratelimit-unified-representative-claim": "five_hour",
      });
    case "overflow":
      return answer(400, "invalid_request_error", "prompt is too long: 215000 tokens > 200000 maximum");
    case "overloaded":
      return answer(529, "overloaded_error", "Overloaded");
  }
}

export function openaiFailure(kind: FailKind, prompt: string): Answer {
  const answer = (status: number, error: Record<string, unknown>, headers: Record<string, string> = {}): Answer => ({
    kind: "json",
    prompt,
    status,
    value: { error },
    headers: { ...NO_RETRY, ...headers },
  });
  switch (kind) {
    case "auth":
      return answer(401, {
        type: "invalid_request_error",
        code: "invalid_api_key",
        param: null,
        message: "Incorrect API key provided: sk-stub. You can find your API key at https://platform.openai.com/account/api-keys.",
      });
    case "quota":
      return answer(429, {
        type: "usage_limit_reached",
        code: "rate_limit_exceeded",
        param: null,
        message: "Rate limit reached for stub-model. Please try again in 2h0m0s.",
        plan_type: "plus",
        resets_at: resetsAt(),
      });
    case "overflow":
      return answer(400, {
        type: "invalid_request_error",
        code: "context_length_exceeded",
        param: "input",
        message: "Your input exceeds the context window of this model. Please adjust your input and try again.",
      });
    case "overloaded":
      return answer(503, { type: "server_error", code: "server_is_overloaded", message: "The server is currently overloaded." });
  }
}
