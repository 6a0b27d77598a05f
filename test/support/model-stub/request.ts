/** The parts of the three request bodies that the stubs read; everything else passes. */
import * as z from "zod";

const Part = z.looseObject({ type: z.string().optional(), text: z.string().optional() });
const Content = z.union([z.string(), z.array(Part)]);
const Message = z.looseObject({ role: z.string().optional(), content: Content.nullish() });

/** Anthropic Messages and OpenAI chat completions share this shape. */
export const MessagesBody = z.looseObject({
  model: z.string().default("stub"),
  stream: z.boolean().default(false),
  messages: z.array(Message).default([]),
});
/** OpenAI Responses: `input` is text or items. */
export const ResponsesBody = z.looseObject({
  model: z.string().default("stub"),
  stream: z.boolean().default(false),
  input: z.union([z.string(), z.array(Message)]).default(""),
});

const contentText = (content: z.infer<typeof Content> | null | undefined): string =>
  content === null || content === undefined
    ? ""
    : typeof content === "string"
      ? content
      : content.map((part) => part.text ?? "").join("\n");

/** All that users said, in order; the last nonce in it is the newest. */
export const userText = (messages: readonly z.infer<typeof Message>[]): string =>
  messages
    .filter((message) => message.role === "user")
    .map((message) => contentText(message.content))
    .join("\n");
