/** Anthropic Messages, as Claude Code calls it. */
import { answerTo, pieces, tokens } from "./answer.ts";
import { MessagesBody, userText } from "./request.ts";
import type { Answer } from "./server.ts";

export function anthropicMessages(json: unknown, id: number): Answer {
  const body = MessagesBody.parse(json);
  const prompt = userText(body.messages);
  const text = answerTo(prompt);
  const usage = { input_tokens: tokens(prompt), output_tokens: tokens(text), cache_creation_input_tokens: 0, cache_read_input_tokens: 0 };
  const message = { id: `msg_stub_${id}`, type: "message", role: "assistant", model: body.model, stop_sequence: null };
  if (!body.stream) {
    return { kind: "json", prompt, status: 200, value: { ...message, content: [{ type: "text", text }], stop_reason: "end_turn", usage } };
  }
  const events = [
    { type: "message_start", message: { ...message, content: [], stop_reason: null, usage: { ...usage, output_tokens: 1 } } },
    { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
    { type: "ping" },
    ...pieces(text).map((piece) => ({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text: piece } })),
    { type: "content_block_stop", index: 0 },
    { type: "message_delta", delta: { stop_reason: "end_turn", stop_sequence: null }, usage: { output_tokens: usage.output_tokens } },
    { type: "message_stop" },
  ];
  return { kind: "events", prompt, events: events.map((data) => ({ event: data.type, data })) };
}

export function anthropicCountTokens(json: unknown): Answer {
  const prompt = userText(MessagesBody.parse(json).messages);
  return { kind: "json", prompt, status: 200, value: { input_tokens: tokens(prompt) } };
}
