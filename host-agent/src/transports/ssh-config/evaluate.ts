/** Which lines of an ssh_config(5) count for a host: Host and Match, and of each keyword the first. */
import { err, ok, type Result } from "@maestro/shared/result";
import { maestroError } from "@maestro/shared/errors";
import { matchesPattern, matchesPatternList } from "../pattern.ts";
import { invalid, type LoadedLine } from "./load.ts";
import { expandTokens, tokensOf, type LocalUser } from "./tokens.ts";
import type { ConfigLine } from "./words.ts";

/** By keyword; several lines only for those that add up. */
export type Settings = ReadonlyMap<string, readonly [ConfigLine, ...ConfigLine[]]>;

/** Whether a command of Match exec succeeds; undefined: nothing is run, and such a line is an error. */
export type RunMatch = ((command: string) => Promise<boolean>) | undefined;

const ALIASES: Readonly<Record<string, string>> = { pubkeyacceptedkeytypes: "pubkeyacceptedalgorithms" };
const ADD_UP = new Set(["identityfile"]);
/** Whichever comes first rules the other out; but a ProxyJump of `none` is no reason against a ProxyCommand. */
const RIVALS: Readonly<Record<string, string>> = { proxyjump: "proxycommand", proxycommand: "proxyjump" };

/**
 * @param given counts before all of `lines`: what the record says itself.
 * Errors: `ssh_config_invalid` of lines that cannot be understood.
 */
export async function evaluate(
  alias: string,
  given: readonly ConfigLine[],
  lines: readonly LoadedLine[],
  local: LocalUser,
  run: RunMatch,
): Promise<Result<Settings>> {
  const pass = new Pass(alias, local, run);
  for (const line of given) pass.set(line);
  const first = await pass.walk(lines, true, false);
  if (!first.ok) return first;
  if (pass.wantsFinal) {
    pass.beginFinal();
    const second = await pass.walk(lines, true, false);
    if (!second.ok) return second;
  }
  return ok(pass.settings);
}

class Pass {
  readonly settings = new Map<string, [ConfigLine, ...ConfigLine[]]>();
  wantsFinal = false;
  readonly #alias: string;
  readonly #local: LocalUser;
  readonly #run: RunMatch;
  #isFinal = false;
  /** What Host lines are compared with. */
  #host: string;

  constructor(alias: string, local: LocalUser, run: RunMatch) {
    this.#alias = alias;
    this.#local = local;
    this.#run = run;
    this.#host = alias;
  }

  set(line: ConfigLine): void {
    const keyword = ALIASES[line.keyword] ?? line.keyword;
    const rival = this.settings.get(RIVALS[keyword] ?? "")?.[0];
    if (rival !== undefined && !(rival.keyword === "proxyjump" && isNone(rival))) return;
    // As in ssh, where it is the same as nothing said so far.
    if (keyword === "connecttimeout" && line.words[0]?.toLowerCase() === "none") return;
    const before = this.settings.get(keyword);
    if (before === undefined) this.settings.set(keyword, [line]);
    else if (ADD_UP.has(keyword)) before.push(line);
  }

  /** Match final: all is read once more, and Host lines are compared with what the name has turned out to stand for. */
  beginFinal(): void {
    this.#isFinal = true;
    this.#host = this.#hostName().toLowerCase();
    const line: ConfigLine = { keyword: "hostname", words: [this.#host.replaceAll("%", "%%")], rest: this.#host, path: "", line: 0 };
    this.settings.set("hostname", [line]);
  }

  /** @param isNever within an Include that does not count: nothing in it does, whatever it matches. */
  async walk(lines: readonly LoadedLine[], isActive: boolean, isNever: boolean): Promise<Result<void>> {
    let active = isActive;
    for (const line of lines) {
      if (line.included !== undefined) {
        for (const inner of line.included) {
          const walked = await this.walk(inner, active, isNever || !active);
          if (!walked.ok) return walked;
        }
      } else if (line.keyword === "host") active = !isNever && this.#isHost(line.words);
      else if (line.keyword === "match") {
        const matched = await this.#matches(line, !isNever);
        if (!matched.ok) return matched;
        active = matched.value;
      } else if (active) this.set(line);
    }
    return ok(undefined);
  }

  #isHost(patterns: readonly string[]): boolean {
    if (patterns.some((pattern) => pattern.startsWith("!") && matchesPattern(this.#host, pattern.slice(1)))) return false;
    return patterns.some((pattern) => !pattern.startsWith("!") && matchesPattern(this.#host, pattern));
  }

  /** @param isOpen false: it does not match whatever it says, but what it says of a final pass counts, as in ssh. */
  async #matches(line: ConfigLine, isOpen: boolean): Promise<Result<boolean>> {
    const bad = (problem: string) => err(invalid(line.path, line.line, problem));
    if (line.words.length === 0) return bad("Match says nothing");
    let result = isOpen;
    const words = [...line.words];
    for (let at = 0; at < words.length; at++) {
      const [, word = "", joined] = /^(!?[^=]*)(?:=(.+))?$/s.exec(words[at] ?? "") ?? [];
      if (joined !== undefined) words.splice(at, 1, word, joined);
      const isNegated = word.startsWith("!");
      const criterion = word.slice(isNegated ? 1 : 0).toLowerCase();
      if (criterion === "all") {
        const others = words.filter((_, index) => index !== at).map((other) => other.toLowerCase());
        if (isNegated || others.some((other) => other !== "final" && other !== "canonical")) return bad("Match all stands alone");
        continue;
      }
      if (criterion === "final" || criterion === "canonical") {
        this.wantsFinal ||= criterion === "final";
        result &&= this.#isFinal !== isNegated;
        continue;
      }
      const argument = words[++at];
      if (argument === undefined) return bad(`Match ${criterion} says nothing`);
      const met = await this.#meets(criterion, argument, result, line);
      if (!met.ok) return met;
      result &&= met.value !== isNegated;
    }
    return ok(result);
  }

  async #meets(criterion: string, argument: string, isOpen: boolean, line: ConfigLine): Promise<Result<boolean>> {
    const patterns = argument.split(",");
    const anyCase = (name: string): boolean =>
      matchesPatternList(
        name.toLowerCase(),
        patterns.map((pattern) => pattern.toLowerCase()),
      );
    switch (criterion) {
      case "host":
        return ok(anyCase(this.#hostName()));
      case "originalhost":
        return ok(anyCase(this.#alias));
      case "user":
        return ok(matchesPatternList(this.#user(), patterns));
      case "localuser":
        return ok(matchesPatternList(this.#local.name, patterns));
      case "exec":
        return isOpen ? this.#exec(argument, line) : ok(false);
      default:
        return err(invalid(line.path, line.line, `Match ${criterion} is not known here`));
    }
  }

  async #exec(command: string, line: ConfigLine): Promise<Result<boolean>> {
    if (this.#run === undefined)
      return err(
        maestroError("ssh_config_invalid", `${line.path}:${line.line}: Match exec is not run here.`, {
          field: "sshConfig",
          hint: "Give what it decides in the record itself, without ssh_config.",
        }),
      );
    const port = Number(this.#first("port") ?? 22);
    const names = { alias: this.#alias, hostName: this.#hostName(), port, user: this.#user(), hostKeyAlias: this.#first("hostkeyalias") };
    const expanded = expandTokens(command, tokensOf(names, this.#local));
    if (expanded === undefined) return err(invalid(line.path, line.line, "Match exec holds a token that there is not"));
    return ok(await this.#run(expanded));
  }

  readonly #first = (keyword: string): string | undefined => this.settings.get(keyword)?.[0].words[0];
  readonly #user = (): string => this.#first("user") ?? this.#local.name;
  readonly #hostName = (): string => {
    const name = this.#first("hostname");
    return name === undefined ? this.#host : (expandTokens(name, { h: this.#host }) ?? this.#host);
  };
}

/** Of ProxyJump, behind which a comment may stand. */
export const jumpOf = (line: ConfigLine): string => line.rest.replace(/#.*/s, "").trim();
const isNone = (line: ConfigLine): boolean => jumpOf(line).toLowerCase() === "none";
