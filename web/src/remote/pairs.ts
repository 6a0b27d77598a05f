/** Names with values as they are being typed, row by row. Pure. */
import { maestroError, type MaestroError } from "@maestro/shared/errors";

export interface Pair {
  /** Stays with the row, whatever is typed into it. */
  id: number;
  name: string;
  value: string;
}

export const pairsOf = (record: Readonly<Record<string, string>> = {}): Pair[] =>
  Object.entries(record).map(([name, value], id) => ({ id, name, value }));

export const withRow = (pairs: readonly Pair[]): Pair[] => [
  ...pairs,
  { id: pairs.reduce((most, { id }) => Math.max(most, id), -1) + 1, name: "", value: "" },
];

/** Rows that somebody has begun; a name is used without the blanks around it. */
export const filled = (pairs: readonly Pair[]): Pair[] =>
  pairs.map((pair) => ({ ...pair, name: pair.name.trim() })).filter(({ name, value }) => name !== "" || value !== "");

export const recordOf = (pairs: readonly Pair[]): Record<string, string> =>
  Object.fromEntries(filled(pairs).map(({ name, value }) => [name, value]));

/**
 * By the ids of rows.
 * @param same whether two names mean the same.
 * @param check what is wrong with a name and its value, if anything.
 */
export function pairProblems(
  pairs: readonly Pair[],
  same: (a: string, b: string) => boolean,
  check: (pair: Pair) => MaestroError | undefined,
): Map<number, MaestroError> {
  const rows = filled(pairs);
  return new Map(
    rows.flatMap((pair, i) => {
      const problem =
        pair.name === ""
          ? maestroError("field_missing", "The value has no name.")
          : rows.slice(0, i).some(({ name }) => same(name, pair.name))
            ? maestroError("field_invalid", `${pair.name} is given twice.`)
            : check(pair);
      return problem === undefined ? [] : [[pair.id, problem] as const];
    }),
  );
}
