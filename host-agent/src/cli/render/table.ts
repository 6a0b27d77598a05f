/** Borderless tables: aligned columns under upper-case headers. What comes from outside is printed escaped. */
import { escapeUnsafe } from "@maestro/shared/sanitize";
import { cut, displayWidth, padEnd } from "./width.ts";

export interface Column<T> {
  header: string;
  value(row: T): string;
  /** Shown with --verbose only. */
  detail?: true;
  /** Longer values are cut, but with --verbose. */
  max?: number;
}

const GAP = "  ";

export function renderTable<T>(rows: readonly T[], columns: readonly Column<T>[], { verbose }: { verbose: boolean }): string[] {
  const shown = columns.filter((column) => verbose || column.detail === undefined);
  const lines = [
    shown.map((column) => column.header.toUpperCase()),
    ...rows.map((row) => shown.map((column) => cell(column, row, verbose))),
  ];
  const widths = shown.map((_, i) => Math.max(...lines.map((line) => displayWidth(line[i] ?? ""))));
  return lines.map((line) =>
    line
      .map((text, i) => (i === line.length - 1 ? text : padEnd(text, widths[i] ?? 0)))
      .join(GAP)
      .trimEnd(),
  );
}

function cell<T>(column: Column<T>, row: T, verbose: boolean): string {
  const text = escapeUnsafe(column.value(row));
  const safe = text === "" ? "-" : text;
  return column.max === undefined || verbose ? safe : cut(safe, column.max);
}

/** One thing: a name and a value per line. */
export function renderFields(fields: readonly (readonly [name: string, value: string | undefined])[]): string[] {
  const present = fields.flatMap(([name, value]) => (value === undefined || value === "" ? [] : [{ name, value }]));
  const width = Math.max(0, ...present.map(({ name }) => displayWidth(name)));
  return present.map(({ name, value }) => `${padEnd(name, width)}  ${escapeUnsafe(value)}`);
}
