/**
 * How a script gets to a host whose login shell is anybody's: the command line is fixed but for a length and a random mark,
 * and understood alike by sh, bash, zsh, fish and csh. The script comes on stdin, counted, and what follows it there is its own
 * stdin: no shell reads ahead of it, as `sh -s` does in dash. Pure.
 */
import { maestroError } from "@maestro/shared/errors";
import { err, ok, type Result } from "@maestro/shared/result";

export interface Bootstrap {
  /** For the exec request. */
  command: string;
  /** The first bytes of stdin. */
  script: Buffer;
  /** On stdout and stderr before anything of the script, then its pid and a newline; what comes before it is of rc files. */
  mark: Buffer;
}

/** Of a bootstrap that did not get its whole script: nothing of it was run. */
export const INCOMPLETE_EXIT = 96;

const MAX_SCRIPT_BYTES = 4 * 1024 * 1024;

/**
 * @param lines of POSIX sh. @param nonce lowercase letters and digits, new each time.
 * `eval` sees the script only if its first and its last line came: a part of a script is none.
 * Errors: `nul_byte`, `value_too_large`.
 */
export function bootstrap(lines: string, nonce: string, shell = "/bin/sh"): Result<Bootstrap> {
  if (lines.includes("\0")) return err(maestroError("nul_byte", "A script for a remote host holds a NUL byte.", { field: "script" }));
  const script = Buffer.from(`#${nonce}\n${lines}\n#${nonce}`);
  if (script.length > MAX_SCRIPT_BYTES)
    return err(
      maestroError("value_too_large", `A script for a remote host has ${script.length} bytes; ${MAX_SCRIPT_BYTES} are allowed.`, {
        field: "script",
      }),
    );
  const read = (dd: string) => `dd ${dd} 2>/dev/null`;
  // The mark is in two parts, so that a shell that traces its commands does not print it.
  // dd that knows no `fullblock` refuses before it reads; one byte at a time is exact everywhere.
  const fixed = [
    `printf "%s-%s %s\\n" maestro ${nonce} $$`,
    `printf "%s-%s %s\\n" maestro ${nonce} $$ >&2`,
    `S=$(${read(`bs=${script.length} count=1 iflag=fullblock`)} || ${read(`bs=1 count=${script.length}`)})`,
    `case "$S" in "#${nonce}"*"#${nonce}") eval "unset S;$S";; *) echo "maestro: incomplete script" >&2; exit ${INCOMPLETE_EXIT};; esac`,
  ];
  return ok({ command: `exec ${shell} -c '${fixed.join("; ")}'`, script, mark: Buffer.from(`maestro-${nonce} `) });
}
