/** What a gate is, and how its rounds become a verdict. */
import { median, rounded } from "./statistics.ts";
import type { Rig } from "./rig.ts";

export interface Gate {
  id: string;
  title: string;
  run(rig: Rig): Promise<GateOutcome>;
}

/** One requirement of a gate. `value` and `reference` are measured in the same rounds. */
export interface Part {
  name: string;
  unit: string;
  /** One figure per round. */
  values: readonly number[];
  /** One figure per round, or one fixed figure where the gate names it. */
  references: readonly number[];
  limit: Limit;
}

export type Limit = { atMost: number } | { atLeast: number };

export interface GateOutcome {
  /** The first part gives the gate its value, reference and ratio. */
  parts: readonly [Part, ...Part[]];
  /** Figures that are told and not judged. */
  told?: Readonly<Record<string, number | string>>;
  note?: string;
}

export interface PartResult {
  name: string;
  unit: string;
  value: number;
  reference: number;
  ratio: number;
  gate: string;
  pass: boolean;
}

/** As `interfaces.md` has it; `parts`, `unit`, `told` and `note` come on top. */
export interface GateResult {
  value: number;
  reference: number;
  ratio: number;
  gate: string;
  pass: boolean;
  rounds: Record<string, number>[];
  unit: string;
  title: string;
  parts: PartResult[];
  told?: Readonly<Record<string, number | string>>;
  note?: string;
}

/** Fewer rounds than this prove nothing. */
export const MIN_ROUNDS = 5;

export function judge({ title }: Gate, { parts, told, note }: GateOutcome): GateResult {
  const results = parts.map((part) => judgePart(part));
  const [first] = parts;
  const [main] = results;
  if (main === undefined) throw new Error("a gate has at least one part");
  const rounds = first.values.map((_, round) => Object.fromEntries(parts.flatMap((part) => roundFigures(part, round))));
  const enough = rounds.length >= MIN_ROUNDS;
  const told_ = told === undefined ? {} : { told };
  const because = enough
    ? note
    : [note, `only ${rounds.length} rounds: at least ${MIN_ROUNDS} are needed for a verdict`]
        .filter((text) => text !== undefined)
        .join("; ");
  return {
    value: main.value,
    reference: main.reference,
    ratio: main.ratio,
    gate: main.gate,
    pass: enough && results.every(({ pass }) => pass),
    rounds,
    unit: main.unit,
    title,
    parts: results,
    ...told_,
    ...(because === undefined ? {} : { note: because }),
  };
}

function judgePart({ name, unit, values, references, limit }: Part): PartResult {
  const value = median(values);
  const reference = median(references);
  const ratio = value / reference;
  // NaN compares false both ways: a part that measured nothing does not pass.
  const pass = "atMost" in limit ? ratio <= limit.atMost : ratio >= limit.atLeast;
  const gate = "atMost" in limit ? `<= ${limit.atMost}` : `>= ${limit.atLeast}`;
  return { name, unit, value: rounded(value), reference: rounded(reference), ratio: rounded(ratio), gate, pass };
}

function roundFigures({ name, values, references }: Part, round: number): [string, number][] {
  const reference = references.length === 1 ? references[0] : references[round];
  return [
    [`${name}`, rounded(values[round] ?? Number.NaN)],
    [`${name} reference`, rounded(reference ?? Number.NaN)],
  ];
}
