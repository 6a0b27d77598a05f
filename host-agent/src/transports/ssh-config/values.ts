/** What single settings of ssh_config(5) say, read; errors name file and line. Pure. */
import { err, ok, type Result } from "@maestro/shared/result";
import { maestroError } from "@maestro/shared/errors";
import { matchesPatternList } from "../pattern.ts";
import { invalid } from "./load.ts";
import type { Settings } from "./evaluate.ts";
import type { ConfigLine } from "./words.ts";

/** Options of a record are told by their field, lines of a file by their place. */
export const RECORD_PATH = "options";

/** Reads the settings of one host, and keeps the first thing that is wrong with them. */
export class Values {
  problem: ReturnType<typeof maestroError> | undefined;
  readonly #settings: Settings;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  lines(keyword: string): readonly ConfigLine[] {
    return this.#settings.get(keyword) ?? [];
  }

  /** The first argument of the first line. */
  word(keyword: string): string | undefined {
    const line = this.#settings.get(keyword)?.[0];
    if (line === undefined) return undefined;
    const [word] = line.words;
    if (word === undefined || word === "") return this.refuse(line, `${line.keyword} says nothing`);
    return word;
  }

  /** All arguments of the first line. */
  words(keyword: string): readonly string[] | undefined {
    return this.word(keyword) === undefined ? undefined : this.#settings.get(keyword)?.[0].words;
  }

  port(keyword: string): number | undefined {
    const port = this.#number(keyword, /^[0-9]{1,5}$/, "a port");
    if (port !== undefined && (port < 1 || port > 65_535)) return this.#refuseWord(keyword, "a port");
    return port;
  }

  count(keyword: string): number | undefined {
    return this.#number(keyword, /^[0-9]{1,9}$/, "a number");
  }

  isYes(keyword: string): boolean | undefined {
    const word = this.word(keyword)?.toLowerCase();
    if (word === undefined) return undefined;
    if (word === "yes" || word === "true") return true;
    return word === "no" || word === "false" ? false : this.#refuseWord(keyword, "yes or no");
  }

  /** In seconds; 0 for `none`. TIME FORMATS of sshd_config(5). */
  seconds(keyword: string): number | undefined {
    const word = this.word(keyword)?.toLowerCase();
    if (word === undefined) return undefined;
    if (word === "none") return 0;
    if (!/^(?:[0-9]{1,9}[smhdw]?)+$/.test(word)) return this.#refuseWord(keyword, "a time");
    const parts = [...word.matchAll(/([0-9]+)([smhdw]?)/g)];
    return parts.reduce((sum, [, digits, unit]) => sum + Number(digits) * (UNITS[unit ?? ""] ?? 1), 0);
  }

  /** A list of algorithms: in place of the defaults, or with `+`, `-` or `^` added to, taken from, put before them. */
  algorithms(keyword: string, defaults: readonly string[]): string[] {
    const word = this.word(keyword);
    if (word === undefined) return [...defaults];
    const names = (/^[+^-]/.test(word) ? word.slice(1) : word).split(",").filter((name) => name !== "");
    const others = defaults.filter((name) => !names.includes(name));
    if (word.startsWith("+")) return [...defaults, ...names.filter((name) => !defaults.includes(name))];
    if (word.startsWith("-")) return defaults.filter((name) => !matchesPatternList(name, names));
    return word.startsWith("^") ? [...names, ...others] : names;
  }

  refuse(line: ConfigLine, problem: string): undefined {
    this.problem ??=
      line.path === RECORD_PATH
        ? maestroError("field_invalid", `The option ${line.keyword}: ${problem}.`, { field: `${RECORD_PATH}.${line.keyword}` })
        : invalid(line.path, line.line, problem);
    return undefined;
  }

  result<T>(value: T): Result<T> {
    return this.problem === undefined ? ok(value) : err(this.problem);
  }

  #number(keyword: string, pattern: RegExp, kind: string): number | undefined {
    const word = this.word(keyword);
    if (word === undefined) return undefined;
    return pattern.test(word) ? Number(word) : this.#refuseWord(keyword, kind);
  }

  #refuseWord(keyword: string, kind: string): undefined {
    const line = this.#settings.get(keyword)?.[0];
    return line === undefined ? undefined : this.refuse(line, `'${line.words[0] ?? ""}' is not ${kind}`);
  }
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };
