/** [VW3] The session has its writer's size; what others ask for changes nothing. */
import { maestroError } from "@maestro/shared/errors";
import { MAX_COLS, MAX_ROWS } from "@maestro/shared/limits";
import type { Size } from "@maestro/shared/protocol/session";
import { err, ok, type Result } from "@maestro/shared/result";

/** Checked by hand rather than by schema, so that the answer names the range. */
export function parseSize(cols: unknown, rows: unknown): Result<Size> {
  if (!within(cols, MAX_COLS)) return refused("cols", cols, MAX_COLS);
  if (!within(rows, MAX_ROWS)) return refused("rows", rows, MAX_ROWS);
  return ok({ cols, rows });
}

export const sameSize = (a: Size, b: Size): boolean => a.cols === b.cols && a.rows === b.rows;

const within = (value: unknown, max: number): value is number =>
  typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= max;

const refused = (field: string, value: unknown, max: number) =>
  err(
    maestroError("size_out_of_range", `${field} is ${JSON.stringify(value) ?? "missing"}.`.slice(0, 256), {
      field,
      hint: `A size is a whole number from 1 to ${max}.`,
    }),
  );
