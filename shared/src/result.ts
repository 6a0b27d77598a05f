/** An expected refusal is a value; a bug throws. */
import type { MaestroError } from "./errors.ts";

export type Result<T, E = MaestroError> = { ok: true; value: T } | { ok: false; error: E };

export const ok = <T>(value: T): { ok: true; value: T } => ({ ok: true, value });
export const err = <E>(error: E): { ok: false; error: E } => ({ ok: false, error });
