/** OpenAI chat completions, as opencode and other OpenAI-compatible clients call it. */
import { pieces, seenBy, tokens, wishOf } from "./answer.ts";
import { openaiFailure } from "./failures.ts";
import { endsWithTool, imageCount, MessagesBody, toolNames, userText } from "./request.ts";
import type { Answer } from "./server.ts";

export function openaiChat(json: unknown, id: number): Answer {
  const body = MessagesBody.parse(json);
  const prompt = userText(body.messages);
  const wish = wishOf(prompt, endsWithTool(body.messages) || !toolNames(body.tools).includes("write"));
  if (wish.kind === "fail") return openaiFailure(wish.fail, prompt);
  const text = wish.kind === "say" ? (seenBy(prompt, imageCount(body.messages)) ?? wish.text) : "";
  const call = wish.kind === "write" ? writeCall(id, wish.file, wish.content) : undefined;
  const said = call === undefined ? text : call.function.arguments;
  const usage = { prompt_tokens: tokens(prompt), completion_tokens: tokens(said), total_tokens: tokens(prompt) + tokens(said) };
  const base = { id: `chatcmpl-stub-${id}`, created: 1_760_000_000, model: body.model };
  const finish = call === undefined ? "stop" : "tool_calls";
  if (!body.stream) {
    const message = { role: "assistant", content: text, ...(call === undefined ? {} : { tool_calls: [call] }) };
    const choices = [{ index: 0, message, finish_reason: finish }];
    return { kind: "json", prompt, status: 200, value: { ...base, object: "chat.completion", choices, usage } };
  }
  const chunk = (delta: Record<string, unknown>, reason: string | null) => ({
    ...base,
    object: "chat.completion.chunk",
    choices: [{ index: 0, delta, finish_reason: reason }],
  });
  const parts =
    call === undefined
      ? pieces(text).map((piece) => chunk({ content: piece }, null))
      : [
          chunk({ tool_calls: [{ index: 0, ...call, function: { ...call.function, arguments: "" } }] }, null),
          ...pieces(said).map((piece) => chunk({ tool_calls: [{ index: 0, function: { arguments: piece } }] }, null)),
        ];
  const events: object[] = [
    chunk({ role: "assistant", content: "" }, null),
    ...parts,
    chunk({}, finish),
    { ...base, object: "chat.completion.chunk", choices: [], usage },
  ];
  return { kind: "events", prompt, events: events.map((data) => ({ data })), end: "[DONE]" };
}

const writeCall = (id: number, filePath: string, content: string) => ({
  id: `call_stub_${id}`,
  type: "function",
  function: { name: "write", arguments: JSON.stringify({ filePath, content }) },
});
