/** The parts of the three request bodies that the stubs read; everything else passes. */
import * as z from "zod";

const Part = z.looseObject({ type: z.string().optional(), text: z.string().optional() });
/** What the agent lets the model use; each API names it in its own place. */
const Tool = z.looseObject({
  type: z.string().optional(),
  name: z.string().optional(),
  function: z.looseObject({ name: z.string() }).optional(),
});
const Content = z.union([z.string(), z.array(Part)]);
const Message = z.looseObject({ type: z.string().optional(), role: z.string().optional(), content: Content.nullish() });
type Message = z.infer<typeof Message>;

/** Anthropic Messages and OpenAI chat completions share this shape. */
export const MessagesBody = z.looseObject({
  model: z.string().default("stub"),
  stream: z.boolean().default(false),
  messages: z.array(Message).default([]),
  tools: z.array(Tool).default([]),
});
/** OpenAI Responses: `input` is text or items. */
export const ResponsesBody = z.looseObject({
  model: z.string().default("stub"),
  stream: z.boolean().default(false),
  input: z.union([z.string(), z.array(Message)]).default(""),
  tools: z.array(Tool).default([]),
});

const contentText = (content: z.infer<typeof Content> | null | undefined): string =>
  content === null || content === undefined
    ? ""
    : typeof content === "string"
      ? content
      : content.map((part) => part.text ?? "").join("\n");

export const toolNames = (tools: readonly z.infer<typeof Tool>[]): string[] =>
  tools.map((tool) => tool.name ?? tool.function?.name ?? tool.type ?? "");

/** The conversation ends with what a tool answered, in the words of any of the three. */
export function endsWithTool(messages: readonly Message[]): boolean {
  const last = messages.findLast((message) => message.role !== "system" && message.role !== "developer");
  if (last === undefined) return false;
  if (last.role === "tool" || last.type?.endsWith("_call_output") === true) return true;
  return Array.isArray(last.content) && last.content.some((part) => part.type === "tool_result");
}

/** Parts that show the model an image, in the words of any of the three; what stands in a text is escaped there. */
export const imageCount = (messages: unknown): number =>
  [...JSON.stringify(messages).matchAll(/"type":"(?:image|input_image|image_url)"/g)].length;

/** All that users said, in order; the last nonce in it is the newest. */
export const userText = (messages: readonly z.infer<typeof Message>[]): string =>
  messages
    .filter((message) => message.role === "user")
    .map((message) => contentText(message.content))
    .join("\n");
