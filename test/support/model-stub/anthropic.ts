/** Anthropic Messages, as Claude Code calls it. */
import { imageNamed, pieces, seenBy, tokens, wishOf } from "./answer.ts";
import { anthropicFailure } from "./failures.ts";
import { endsWithTool, imageCount, MessagesBody, toolNames, userText } from "./request.ts";
import type { Answer } from "./server.ts";

type Block = { type: "text"; text: string } | { type: "tool_use"; id: string; name: string; input: Record<string, string> };

export function anthropicMessages(json: unknown, id: number): Answer {
  const body = MessagesBody.parse(json);
  const prompt = userText(body.messages);
  // Questions beside the work (a title, say) bring no tools: they are answered, not worked on.
  const wish = wishOf(prompt, endsWithTool(body.messages) || !toolNames(body.tools).includes("Write"));
  if (wish.kind === "fail") return anthropicFailure(wish.fail, prompt);
  const seen = seenBy(prompt, imageCount(body.messages));
  const image =
    seen !== undefined && !endsWithTool(body.messages) && toolNames(body.tools).includes("Read") ? imageNamed(prompt) : undefined;
  const block: Block =
    image !== undefined
      ? { type: "tool_use", id: `toolu_stub_${id}`, name: "Read", input: { file_path: image } }
      : wish.kind === "say" && seen !== undefined
        ? { type: "text", text: seen }
        : wish.kind === "say"
          ? { type: "text", text: wish.text }
          : { type: "tool_use", id: `toolu_stub_${id}`, name: "Write", input: { file_path: wish.file, content: wish.content } };
  const said = block.type === "text" ? block.text : JSON.stringify(block.input);
  const stop = block.type === "text" ? "end_turn" : "tool_use";
  const usage = { input_tokens: tokens(prompt), output_tokens: tokens(said), cache_creation_input_tokens: 0, cache_read_input_tokens: 0 };
  const message = { id: `msg_stub_${id}`, type: "message", role: "assistant", model: body.model, stop_sequence: null };
  if (!body.stream) return { kind: "json", prompt, status: 200, value: { ...message, content: [block], stop_reason: stop, usage } };
  const events = [
    { type: "message_start", message: { ...message, content: [], stop_reason: null, usage: { ...usage, output_tokens: 1 } } },
    { type: "content_block_start", index: 0, content_block: block.type === "text" ? { ...block, text: "" } : { ...block, input: {} } },
    { type: "ping" },
    ...pieces(said).map((piece) => ({
      type: "content_block_delta",
      index: 0,
      delta: block.type === "text" ? { type: "text_delta", text: piece } : { type: "input_json_delta", partial_json: piece },
    })),
    { type: "content_block_stop", index: 0 },
    { type: "message_delta", delta: { stop_reason: stop, stop_sequence: null }, usage: { output_tokens: usage.output_tokens } },
    { type: "message_stop" },
  ];
  return { kind: "events", prompt, events: events.map((data) => ({ event: data.type, data })) };
}

export function anthropicCountTokens(json: unknown): Answer {
  const prompt = userText(MessagesBody.parse(json).messages);
  return { kind: "json", prompt, status: 200, value: { input_tokens: tokens(prompt) } };
}
