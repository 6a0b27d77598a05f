/** argv into flags, parameters and what follows `--`. Nothing is guessed: what is not known is refused with the nearest name. */
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { nearest } from "@maestro/shared/names";
import { err, ok, type Result } from "@maestro/shared/result";
import { isGlobal } from "./globals.ts";
import type { Flags, FlagSpec, FlagValues, Params, ParamValues } from "./spec.ts";

export interface Grammar<F extends Flags, P extends Params> {
  /** For messages: `host list`. */
  name: string;
  flags: F;
  params: P;
  /** Sets of flags of which at most one may be given. */
  conflicts: readonly (readonly string[])[];
  /** Whether words after `--` are taken. */
  passthrough: boolean;
}

export interface Scanned {
  /** Per flag, what was given, in order. */
  texts: ReadonlyMap<string, readonly string[]>;
  words: readonly string[];
  /** After `--`, untouched. */
  passthrough: readonly string[];
}

const NEGATIVE = /^-\d/;

/** Every flag is one of the grammar's, and no two exclude each other. */
export function scanArgs(grammar: Grammar<Flags, Params>, argv: readonly string[]): Result<Scanned> {
  const scanned = scan(grammar, argv);
  if (!scanned.ok) return scanned;
  for (const set of grammar.conflicts) {
    const given = set.filter((name) => scanned.value.texts.has(name));
    if (given.length > 1) return err(conflict(given));
  }
  return scanned;
}

export function readFlags<F extends Flags>(specs: F, texts: Scanned["texts"]): Result<FlagValues<F>> {
  const values: Record<string, unknown> = {};
  for (const [name, spec] of Object.entries(specs)) {
    const value = spec.read(texts.get(name) ?? [], name);
    if (!value.ok) return value;
    values[name] = value.value;
  }
  // oxlint-disable-next-line typescript/consistent-type-assertions -- texts become typed values here: every name was read by its own spec
  return ok(values as FlagValues<F>);
}

export function readParams<P extends Params>(grammar: Grammar<Flags, P>, words: readonly string[]): Result<ParamValues<P>> {
  const values: Record<string, unknown> = {};
  let at = 0;
  for (const [name, spec] of Object.entries(grammar.params)) {
    const own = spec.kind === "rest" ? words.slice(at) : words.slice(at, at + 1);
    if (spec.kind === "required" && own.length === 0) return err(usage(grammar, `<${name}> is missing: ${spec.about}.`, name));
    values[name] = spec.read(own);
    at += own.length;
  }
  const extra = words[at];
  if (extra !== undefined) return err(usage(grammar, `'${extra.slice(0, 64)}' is one argument too many.`, undefined));
  // oxlint-disable-next-line typescript/consistent-type-assertions -- as above
  return ok(values as ParamValues<P>);
}

export const conflict = (names: readonly string[]): MaestroError =>
  maestroError("conflicting_flags", `${names.map((name) => `--${name}`).join(" and ")} exclude each other.`, {
    field: names[0] ?? "",
    hint: "Give one of them.",
  });

function scan(grammar: Grammar<Flags, Params>, argv: readonly string[]): Result<Scanned> {
  const texts = new Map<string, string[]>();
  const words: string[] = [];
  const add = (name: string, text: string): void => void texts.set(name, [...(texts.get(name) ?? []), text]);
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? "";
    if (word === "--") {
      const passthrough = argv.slice(i + 1);
      if (grammar.passthrough) return ok({ texts, words, passthrough });
      return ok({ texts, words: [...words, ...passthrough], passthrough: [] });
    }
    if (!word.startsWith("-") || word === "-") {
      words.push(word);
      continue;
    }
    const equals = word.startsWith("--") ? word.indexOf("=") : -1;
    const head = equals === -1 ? word : word.slice(0, equals);
    const found = findFlag(grammar.flags, head);
    if (found === undefined) return err(unknownFlag(grammar, head));
    const [name, spec] = found;
    if (equals !== -1) {
      add(name, word.slice(equals + 1));
    } else if (spec.arity === "switch") {
      add(name, "");
    } else {
      const next = argv[i + 1];
      if (next === undefined || (next.startsWith("-") && next !== "-" && !NEGATIVE.test(next))) {
        if (spec.arity === "optional") {
          add(name, "");
          continue;
        }
        return err(
          maestroError("flag_invalid", `--${name} needs a value.`, { field: name, hint: `For example: --${name} ${spec.placeholder}` }),
        );
      }
      add(name, next);
      i++;
    }
  }
  return ok({ texts, words, passthrough: [] });
}

/** `--name value`, as usage and help show it. */
export function flagUsage(name: string, { arity, placeholder }: FlagSpec<unknown>): string {
  if (arity === "switch") return `--${name}`;
  return arity === "optional" ? `--${name} [${placeholder}]` : `--${name} ${placeholder}`;
}

function findFlag(flags: Flags, head: string): [string, FlagSpec<unknown>] | undefined {
  return Object.entries(flags).find(([name, spec]) => head === `--${name}` || (spec.short !== undefined && head === `-${spec.short}`));
}

function unknownFlag(grammar: Grammar<Flags, Params>, head: string): MaestroError {
  const [near] = nearest(head.replace(/^-+/, ""), Object.keys(grammar.flags), 1);
  const help = `See: maestro help ${grammar.name}`;
  return maestroError("flag_unknown", `maestro ${grammar.name} has no flag '${head.slice(0, 64)}'.`, {
    field: head.slice(0, 64),
    hint: near === undefined ? help : `Did you mean --${near}? ${help}`,
  });
}

const usage = (grammar: Grammar<Flags, Params>, detail: string, field: string | undefined): MaestroError =>
  maestroError("usage", `maestro ${grammar.name}: ${detail}`, {
    ...(field === undefined ? {} : { field }),
    hint: `Usage: ${usageLine(grammar)}`,
  });

export function usageLine({ name, flags, params, passthrough }: Grammar<Flags, Params>): string {
  const parts = [`maestro ${name}`.trim()];
  for (const [key, spec] of Object.entries(params)) {
    parts.push(spec.kind === "required" ? `<${key}>` : spec.kind === "optional" ? `[${key}]` : `[${key}…]`);
  }
  for (const [key, spec] of Object.entries(flags)) {
    if (isGlobal(key, spec)) continue;
    parts.push(`[${flagUsage(key, spec)}]${spec.arity === "list" ? "…" : ""}`);
  }
  if (passthrough) parts.push("[-- argv…]");
  return parts.join(" ");
}
