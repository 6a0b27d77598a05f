/** Text frames into values: size, JSON, known type, schema, in that order [VR2] [VR3]. */
import * as z from "zod";
import { err, ok, type Result } from "../result.ts";
import { maestroError } from "../errors.ts";
import { MAX_CONTROL_BYTES } from "../limits.ts";

export type Decoded<T> =
  | { type: "frame"; frame: T }
  /** [VR2] A newer peer may speak it: ignored and counted, answered `type_unknown` when it carries an id. */
  | { type: "unknown"; name: string; id: number | undefined };

const Envelope = z.looseObject({ t: z.string().max(64), id: z.int().min(0).optional() });

/** @param schemas one schema per frame type, keyed by its `t`. */
export function decodeControl<T>(text: string, schemas: Readonly<Record<string, z.ZodType<T>>>): Result<Decoded<T>> {
  // A UTF-16 unit is three bytes of UTF-8 at most: what is short is not counted.
  const bytes = text.length * 3 > MAX_CONTROL_BYTES ? utf8Bytes(text) : 0;
  if (bytes > MAX_CONTROL_BYTES) {
    return err(
      maestroError("frame_too_large", `A control frame of ${bytes} bytes; at most ${MAX_CONTROL_BYTES} are taken.`, {
        hint: "Send what can outgrow it in pages or as blob frames.",
      }),
    );
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return err(maestroError("frame_invalid", "A control frame is not JSON.", { hint: AS_WRITTEN }));
  }
  const envelope = Envelope.safeParse(json);
  if (!envelope.success) return err(maestroError("frame_invalid", "A control frame has no type `t`.", { field: "t", hint: AS_WRITTEN }));
  const { t, id } = envelope.data;
  const schema = Object.hasOwn(schemas, t) ? schemas[t] : undefined;
  if (schema === undefined) return ok({ type: "unknown", name: t, id });
  const frame = schema.safeParse(json);
  if (frame.success) return ok({ type: "frame", frame: frame.data });
  const issue = frame.error.issues[0];
  const field = issue === undefined ? "" : issue.path.join(".");
  return err(
    maestroError(
      "frame_invalid",
      `Frame '${t}': ${field === "" ? "" : `${field}: `}${issue?.message ?? "invalid"}.`,
      field === "" ? { hint: AS_WRITTEN } : { field, hint: AS_WRITTEN },
    ),
  );
}

const AS_WRITTEN = "PROTOCOL.md has every frame's fields; a newer version may be needed.";

/** Without TextEncoder, which this package does not have. Half a pair is sent as U+FFFD, three bytes as well. */
function utf8Bytes(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    bytes += unit < 0x800 ? 1 : 2;
    if (unit >= 0xd800 && unit < 0xdc00 && text.charCodeAt(i + 1) >= 0xdc00 && text.charCodeAt(i + 1) < 0xe000) i++;
  }
  return bytes;
}

export const encodeControl = (frame: { t: string }): string => JSON.stringify(frame);
