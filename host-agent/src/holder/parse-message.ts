/** Control messages in both directions, checked at the boundary; a type that is not known is no error [VR2]. */
import { err, ok, type Result } from "@maestro/shared/result";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import * as z from "zod";
import {
  Answers,
  ClientMessages,
  HolderMessages,
  type Answer,
  type AnswerName,
  type ClientMessage,
  type HolderMessage,
} from "./protocol.ts";

export type ParsedMessage =
  | { type: "message"; message: ClientMessage }
  | { type: "unknown"; name: string; id: number | undefined }
  /** A request that can be refused by its id. */
  | { type: "malformed"; id: number; error: MaestroError };

const Envelope = z.looseObject({ t: z.string(), id: z.int().min(1).optional() });
const answerSchemas: { [N in AnswerName]: z.ZodType<Answer<N>> } = Answers;
const schemas: Readonly<Record<string, z.ZodType<ClientMessage>>> = ClientMessages;

export function parseClientMessage(text: string): Result<ParsedMessage> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return err(maestroError("frame_invalid", "A control message is not JSON."));
  }
  const envelope = Envelope.safeParse(json);
  if (!envelope.success) return err(maestroError("frame_invalid", "A control message has no type."));
  const { t, id } = envelope.data;
  const schema = Object.hasOwn(schemas, t) ? schemas[t] : undefined;
  if (schema === undefined) return ok({ type: "unknown", name: t, id });
  const message = schema.safeParse(json);
  if (message.success) return ok({ type: "message", message: message.data });
  const issue = message.error.issues[0];
  const field = issue?.path.map(String).join(".") ?? "";
  const error = maestroError("field_invalid", `'${t}' cannot be asked like this: ${field}: ${issue?.message ?? "malformed"}.`, { field });
  return id === undefined ? err(error) : ok({ type: "malformed", id, error });
}

/** The value of an answer, or undefined when it is not what this request is answered with. */
export function parseAnswer<N extends AnswerName>(name: N, value: unknown): Answer<N> | undefined {
  const parsed = answerSchemas[name].safeParse(value);
  return parsed.success ? parsed.data : undefined;
}

/** `unknown`: of a newer holder, to be ignored. */
export function parseHolderMessage(text: string): HolderMessage | "unknown" | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  const t: unknown = typeof json === "object" && json !== null ? Reflect.get(json, "t") : undefined;
  if (typeof t !== "string") return undefined;
  const schemas: Readonly<Record<string, { safeParse(value: unknown): { success: true; data: HolderMessage } | { success: false } }>> =
    HolderMessages;
  const schema = Object.hasOwn(schemas, t) ? schemas[t] : undefined;
  if (schema === undefined) return "unknown";
  const parsed = schema.safeParse(json);
  return parsed.success ? parsed.data : undefined;
}
