/** What a command may be given: flags and parameters, each with the one function that reads its text. */
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { err, ok, type Result } from "@maestro/shared/result";

/**
 * `switch` takes no value (`--x`, `--x=false`); `value` takes one, the last wins; `list` may be repeated; `optional` takes the
 * next word unless that is a flag, or none.
 */
export type FlagArity = "switch" | "value" | "list" | "optional";

export interface FlagSpec<T> {
  arity: FlagArity;
  /** One line for help. */
  about: string;
  /** How the value is called in usage, e.g. `seconds`. */
  placeholder: string;
  short: string | undefined;
  /** Given the texts in order; none when the flag was absent. */
  read(texts: readonly string[], name: string): Result<T>;
}

export type Flags = Readonly<Record<string, FlagSpec<unknown>>>;
export type FlagValues<F extends Flags> = { readonly [K in keyof F]: F[K] extends FlagSpec<infer T> ? T : never };

export interface ParamSpec<T> {
  about: string;
  kind: "required" | "optional" | "rest";
  read(texts: readonly string[]): T;
}
export type Params = Readonly<Record<string, ParamSpec<unknown>>>;
export type ParamValues<P extends Params> = { readonly [K in keyof P]: P[K] extends ParamSpec<infer T> ? T : never };

const last = (texts: readonly string[]): string | undefined => texts.at(-1);

export const flag = {
  toggle: (about: string, short?: string): FlagSpec<boolean> => ({
    arity: "switch",
    about,
    placeholder: "",
    short,
    read(texts, name) {
      const text = last(texts);
      if (text === undefined) return ok(false);
      if (text === "" || text === "true") return ok(true);
      return text === "false" ? ok(false) : err(invalid(name, text, "is either given or not", `--${name}`));
    },
  }),
  text: (about: string, placeholder = "text"): FlagSpec<string | undefined> => ({
    arity: "value",
    about,
    placeholder,
    short: undefined,
    read: (texts, name) => (last(texts) === "" ? err(invalid(name, "", "must not be empty", `--${name} ${placeholder}`)) : ok(last(texts))),
  }),
  /** Given without a value it reads as the empty text. */
  optional: (about: string, placeholder: string): FlagSpec<string | undefined> => ({
    arity: "optional",
    about,
    placeholder,
    short: undefined,
    read: (texts) => ok(last(texts)),
  }),
  /** Texts that another reader turns into values, or refuses. */
  each: <T>(about: string, placeholder: string, read: (text: string, name: string) => Result<T>): FlagSpec<readonly T[]> => ({
    arity: "list",
    about,
    placeholder,
    short: undefined,
    read(texts, name) {
      const values: T[] = [];
      for (const text of texts) {
        const value = read(text, name);
        if (!value.ok) return value;
        values.push(value.value);
      }
      return ok(values);
    },
  }),
  integer: (
    about: string,
    { min, max, example, placeholder = "n" }: { min: number; max: number; example: number; placeholder?: string },
  ): FlagSpec<number | undefined> => ({
    arity: "value",
    about,
    placeholder,
    short: undefined,
    read(texts, name) {
      const text = last(texts);
      if (text === undefined) return ok(undefined);
      const value = Number(text);
      if (/^\d+$/.test(text) && value >= min && value <= max) return ok(value);
      return err(invalid(name, text, `must be a whole number from ${min} to ${max}`, `--${name} ${example}`));
    },
  }),
  choice: <const C extends readonly string[]>(about: string, choices: C): FlagSpec<C[number] | undefined> => ({
    arity: "value",
    about,
    placeholder: choices.join("|"),
    short: undefined,
    read(texts, name) {
      const text = last(texts);
      if (text === undefined) return ok(undefined);
      const found = choices.find((choice) => choice === text);
      return found === undefined
        ? err(invalid(name, text, `must be one of ${choices.join(", ")}`, `--${name} ${choices[0] ?? ""}`))
        : ok(found);
    },
  }),
  list: (about: string, placeholder = "text"): FlagSpec<readonly string[]> => ({
    arity: "list",
    about,
    placeholder,
    short: undefined,
    read: (texts) => ok(texts),
  }),
  pairs: (about: string): FlagSpec<Readonly<Record<string, string>>> => ({
    arity: "list",
    about,
    placeholder: "k=v",
    short: undefined,
    read(texts, name) {
      const pairs: Record<string, string> = {};
      for (const text of texts) {
        const at = text.indexOf("=");
        if (at < 1) return err(invalid(name, text, "must be a name and a value", `--${name} zone=eu`));
        pairs[text.slice(0, at)] = text.slice(at + 1);
      }
      return ok(pairs);
    },
  }),
};

export const param = {
  required: (about: string): ParamSpec<string> => ({ about, kind: "required", read: (texts) => texts[0] ?? "" }),
  optional: (about: string): ParamSpec<string | undefined> => ({ about, kind: "optional", read: (texts) => texts[0] }),
  rest: (about: string): ParamSpec<readonly string[]> => ({ about, kind: "rest", read: (texts) => texts }),
};

/** @param must goes on after the name and the text. @param example a whole flag. */
export function invalid(name: string, text: string, must: string, example: string): MaestroError {
  return maestroError("flag_invalid", `--${name}: '${text.slice(0, 64)}' ${must}.`, { field: name, hint: `For example: ${example}` });
}
