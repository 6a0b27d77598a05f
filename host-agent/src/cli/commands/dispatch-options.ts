/** [DISP7] What remote dispatch's own variable adds to how a new host is reached: words of ssh's command line. Pure. */
import { maestroError } from "@maestro/shared/errors";
import type { RemoteBody } from "@maestro/shared/contract/remote-hosts";
import { err, ok, type Result } from "@maestro/shared/result";

export const OPTIONS_VARIABLE = "REMOTE_DISPATCH_SSH_OPTS";

/**
 * What is given goes before it; whether an option is allowed is the control plane's to say.
 * @param text the variable's, parted by blanks as its own script does.
 */
export function withDispatchOptions<T extends RemoteBody>(body: T, text: string | undefined): Result<T> {
  const added: Record<string, string> = {};
  const words = (text ?? "").split(/\s+/).filter((word) => word !== "");
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    if (word === "-A") {
      added["ForwardAgent"] ??= "yes";
      continue;
    }
    const pair = word === "-o" ? words[++at] : /^-o(.+)$/.exec(word)?.[1];
    const [, name, value] = /^([A-Za-z]+)=(.+)$/.exec(pair ?? "") ?? [];
    if (name === undefined || value === undefined) return err(notUnderstood(pair === undefined ? word : `-o ${pair}`));
    // The first one counts, as for ssh.
    added[name] ??= value;
  }
  const given = new Set(Object.keys(body.options ?? {}).map((name) => name.toLowerCase()));
  const fresh = Object.entries(added).filter(([name]) => !given.has(name.toLowerCase()));
  return ok(fresh.length === 0 ? body : { ...body, options: { ...Object.fromEntries(fresh), ...body.options } });
}

const notUnderstood = (word: string) =>
  maestroError("field_invalid", `'${word}' in ${OPTIONS_VARIABLE} is not understood.`, {
    field: OPTIONS_VARIABLE,
    hint: "It takes -o Name=value and -A. User, port and key have flags: --user, --port, --identity.",
  });
