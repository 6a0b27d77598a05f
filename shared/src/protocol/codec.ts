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
  // A UTF-16 unit is at least one byte in UTF-8, so this is a lower bound; the socket's own limit is exact.
  if (text.length > MAX_CONTROL_BYTES) {
    return err(
      maestroError("frame_too_large", `A control frame of ${text.length} characters; at most ${MAX_CONTROL_BYTES} bytes are taken.`),
    );
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return err(maestroError("frame_invalid", "A control frame is not JSON."));
  }
  const envelope = Envelope.safeParse(json);
  if (!envelope.success) return err(maestroError("frame_invalid", "A control frame has no type `t`.", { field: "t" }));
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
      field === "" ? {} : { field },
    ),
  );
}

export const encodeControl = (frame: { t: string }): string => JSON.stringify(frame);
