/** Words for a POSIX shell: the one place in which a shell's text is made of values. */

/** One word that any POSIX shell reads as exactly this. No shell takes a NUL byte: it is the caller's to refuse. */
export const quote = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

/** `NAME='value'`; names are checked where they come in. */
export const quoteAssignment = (name: string, value: string): string => `${name}=${quote(value)}`;

/**
 * `cd '…' && A='x' command 'argument'`. The command's own name stays bare where it is a plain word, for people who read it.
 */
export function quoteCommand(command: {
  argv: readonly [string, ...string[]];
  cwd?: string | undefined;
  env?: Readonly<Record<string, string>> | undefined;
}): string {
  const [name, ...rest] = command.argv;
  const words = [
    ...Object.entries(command.env ?? {}).map(([key, value]) => quoteAssignment(key, value)),
    isPlain(name) ? name : quote(name),
    ...rest.map(quote),
  ];
  return `${command.cwd === undefined ? "" : `cd ${quoteDirectory(command.cwd)} && `}${words.join(" ")}`;
}

const RESERVED = /^(?:if|then|elif|else|fi|for|while|until|do|done|case|esac|in|time|function|select)$/;
const isPlain = (name: string): boolean => /^[A-Za-z0-9_./][A-Za-z0-9_./+-]*$/.test(name) && !RESERVED.test(name);

/** `~` and `~/…` become words that begin with `"$HOME"`: within quotes a shell expands no `~`. */
export function quoteDirectory(path: string): string {
  if (path === "~") return '"$HOME"';
  if (path.startsWith("~/")) return `"$HOME"/${quote(path.slice(2))}`;
  // A directory named `-` or `-x` is none of cd's options.
  return quote(path.startsWith("-") ? `./${path}` : path);
}
