/** How a run is told: one line per part for people, one object for scripts. */
import type { GateResult } from "./gate.ts";

export function table(results: Readonly<Record<string, GateResult>>): string {
  const rows = [["GATE", "PART", "VALUE", "REFERENCE", "RATIO", "GATE", "VERDICT"]];
  for (const [id, { parts, pass }] of Object.entries(results)) {
    for (const [index, part] of parts.entries()) {
      rows.push([
        index === 0 ? id : "",
        part.name,
        `${part.value} ${part.unit}`,
        `${part.reference} ${part.unit}`,
        String(part.ratio),
        part.gate,
        part.pass ? (pass ? "pass" : "ok") : "MISS",
      ]);
    }
  }
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  const notes = Object.entries(results).flatMap(([id, { note, told }]) => [
    ...(note === undefined ? [] : [`${id}: ${note}`]),
    ...Object.entries(told ?? {}).map(([name, figure]) => `${id}: ${name}: ${figure}`),
  ]);
  return [...lines, ...(notes.length === 0 ? [] : ["", ...notes])].join("\n");
}
