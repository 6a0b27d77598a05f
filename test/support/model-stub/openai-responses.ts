/** OpenAI Responses, as Codex calls it. */
import { answerTo, pieces, tokens } from "./answer.ts";
import { ResponsesBody, userText } from "./request.ts";
import type { Answer } from "./server.ts";

export function openaiResponses(json: unknown, id: number): Answer {
  const body = ResponsesBody.parse(json);
  const prompt = typeof body.input === "string" ? body.input : userText(body.input);
  const text = answerTo(prompt);
  const itemId = `msg_stub_${id}`;
  const content = [{ type: "output_text", text, annotations: [] }];
  const item = { id: itemId, type: "message", role: "assistant", status: "completed", content };
  const base = { id: `resp_stub_${id}`, object: "response", created_at: 1_760_000_000, model: body.model };
  const usage = {
    input_tokens: tokens(prompt),
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: tokens(text),
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: tokens(prompt) + tokens(text),
  };
  const done = { ...base, status: "completed", output: [item], usage };
  if (!body.stream) return { kind: "json", prompt, status: 200, value: done };
  const at = { output_index: 0, content_index: 0, item_id: itemId };
  const events = [
    { type: "response.created", response: { ...base, status: "in_progress", output: [] } },
    { type: "response.output_item.added", output_index: 0, item: { ...item, status: "in_progress", content: [] } },
    { type: "response.content_part.added", ...at, part: { type: "output_text", text: "", annotations: [] } },
    ...pieces(text).map((delta) => ({ type: "response.output_text.delta", ...at, delta })),
    { type: "response.output_text.done", ...at, text },
    { type: "response.output_item.done", output_index: 0, item },
    { type: "response.completed", response: done },
  ];
  return {
    kind: "events",
    prompt,
    events: events.map((data, sequence) => ({ event: data.type, data: { ...data, sequence_number: sequence } })),
  };
}
