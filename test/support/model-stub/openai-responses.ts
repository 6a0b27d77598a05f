/** OpenAI Responses, as Codex calls it. */
import { pieces, seenBy, tokens, wishOf } from "./answer.ts";
import { openaiFailure } from "./failures.ts";
import { endsWithTool, imageCount, ResponsesBody, toolNames, userText } from "./request.ts";
import type { Answer } from "./server.ts";

export function openaiResponses(json: unknown, id: number): Answer {
  const body = ResponsesBody.parse(json);
  const prompt = typeof body.input === "string" ? body.input : userText(body.input);
  const names = toolNames(body.tools);
  const tool = ["exec_command", "shell", "shell_command", "local_shell"].find((name) => names.includes(name));
  const wish = wishOf(prompt, tool === undefined || (typeof body.input !== "string" && endsWithTool(body.input)));
  if (wish.kind === "fail") return openaiFailure(wish.fail, prompt);
  const itemId = `msg_stub_${id}`;
  const text = wish.kind === "say" ? (seenBy(prompt, imageCount(body.input)) ?? wish.text) : "";
  const base = { id: `resp_stub_${id}`, object: "response", created_at: 1_760_000_000, model: body.model };
  const call = wish.kind === "write" && tool !== undefined ? writeCall(id, tool, wish.file, wish.content) : undefined;
  const said = call === undefined ? text : call.arguments;
  const usage = {
    input_tokens: tokens(prompt),
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: tokens(said),
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: tokens(prompt) + tokens(said),
  };
  const content = [{ type: "output_text", text, annotations: [] }];
  const item = call ?? { id: itemId, type: "message", role: "assistant", status: "completed", content };
  const done = { ...base, status: "completed", output: [item], usage };
  if (!body.stream) return { kind: "json", prompt, status: 200, value: done };
  const at = { output_index: 0, content_index: 0, item_id: itemId };
  const events = [
    { type: "response.created", response: { ...base, status: "in_progress", output: [] } },
    {
      type: "response.output_item.added",
      output_index: 0,
      item: { ...item, status: "in_progress", ...(call === undefined ? { content: [] } : {}) },
    },
    ...(call === undefined
      ? [
          { type: "response.content_part.added", ...at, part: { type: "output_text", text: "", annotations: [] } },
          ...pieces(text).map((delta) => ({ type: "response.output_text.delta", ...at, delta })),
          { type: "response.output_text.done", ...at, text },
        ]
      : []),
    { type: "response.output_item.done", output_index: 0, item },
    { type: "response.completed", response: done },
  ];
  return {
    kind: "events",
    prompt,
    events: events.map((data, sequence) => ({ event: data.type, data: { ...data, sequence_number: sequence } })),
  };
}

/** Nothing is quoted: the file's name and the nonce are of letters that no shell minds. */
function writeCall(id: number, tool: string, file: string, content: string) {
  const script = `printf %s ${content} > ${file}`;
  const input =
    tool === "exec_command" ? { cmd: script } : tool === "shell_command" ? { command: script } : { command: ["sh", "-c", script] };
  return {
    id: `fc_stub_${id}`,
    type: "function_call",
    status: "completed",
    call_id: `call_stub_${id}`,
    name: tool,
    arguments: JSON.stringify(input),
  };
}
