/** A command line as people type it, into the arguments that the host gets: quotes and backslashes, nothing else. Pure. */
import { maestroError } from "@maestro/shared/errors";
import { err, ok, type Result } from "@maestro/shared/result";

/** No shell reads it: `|`, `$HOME` and `*` are characters like any other. */
export function splitArgv(line: string): Result<string[]> {
  const args: string[] = [];
  let word: string | undefined;
  let quote: "'" | '"' | undefined;
  for (let i = 0; i < line.length; i++) {
    const char = line.charAt(i);
    const next = line.charAt(i + 1);
    if (quote === undefined && /\s/.test(char)) {
      if (word !== undefined) args.push(word);
      word = undefined;
    } else if (char === quote) quote = undefined;
    else if (quote === undefined && (char === "'" || char === '"')) {
      quote = char;
      word ??= "";
    } else if (char === "\\" && next !== "" && (quote === undefined || (quote === '"' && /["\\]/.test(next)))) {
      word = (word ?? "") + next;
      i++;
    } else word = (word ?? "") + char;
  }
  if (quote !== undefined)
    return err(
      maestroError("field_invalid", `The ${quote} is not closed.`, { field: "command", hint: "Close it, or write \\ before it." }),
    );
  if (word !== undefined) args.push(word);
  return args.length === 0 || args[0] === ""
    ? err(maestroError("field_missing", "There is no program to run.", { field: "command", hint: "Begin with the program: npm test" }))
    : ok(args);
}

/** Something shell-like that will not do what it does in a shell; undefined: nothing looks like it. */
export function shellWord(args: readonly string[]): string | undefined {
  return args.find((arg) => /^(\||\|\||&&|;|&|>|>>|<|2>&1)$/.test(arg) || /^\$\w+$|^\$\{\w+\}$|^\$\(/.test(arg));
}
