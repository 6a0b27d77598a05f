/** OpenAI chat completions, as opencode and other OpenAI-compatible clients call it. */
import { answerTo, pieces, tokens } from "./answer.ts";
import { MessagesBody, userText } from "./request.ts";
import type { Answer } from "./server.ts";

export function openaiChat(json: unknown, id: number): Answer {
  const body = MessagesBody.parse(json);
  const prompt = userText(body.messages);
  const text = answerTo(prompt);
  const usage = { prompt_tokens: tokens(prompt), completion_tokens: tokens(text), total_tokens: tokens(prompt) + tokens(text) };
  const base = { id: `chatcmpl-stub-${id}`, created: 1_760_000_000, model: body.model };
  if (!body.stream) {
    const choices = [{ index: 0, message: { role: "assistant", content: text }, finish_reason: "stop" }];
    return { kind: "json", prompt, status: 200, value: { ...base, object: "chat.completion", choices, usage } };
  }
  const chunk = (delta: Record<string, string>, finish: string | null) => ({
    ...base,
    object: "chat.completion.chunk",
    choices: [{ index: 0, delta, finish_reason: finish }],
  });
  const events: object[] = [
    chunk({ role: "assistant", content: "" }, null),
    ...pieces(text).map((piece) => chunk({ content: piece }, null)),
    chunk({}, "stop"),
    { ...base, object: "chat.completion.chunk", choices: [], usage },
  ];
  return { kind: "events", prompt, events: events.map((data) => ({ data })), end: "[DONE]" };
}
