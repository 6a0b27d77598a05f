/** What the user types while attached: bytes for the program, or a key that is ours. Pure. */
import { maestroError } from "@maestro/shared/errors";
import { err, ok, type Result } from "@maestro/shared/result";

export interface DetachKey {
  /** As people write it: `ctrl-q`. */
  name: string;
  /** How terminals send it: plain, by kitty's protocol, by modifyOtherKeys. */
  forms: readonly string[];
}

export const DEFAULT_DETACH_KEY = "ctrl-q";

/** `ctrl-` and a letter or one of `]\^_`; anything else would take a key that programs need. */
export function parseDetachKey(text: string): Result<DetachKey> {
  const [, key] = /^(?:ctrl-|c-|\^)([a-z\]\\^_])$/i.exec(text) ?? [];
  if (key === undefined) {
    return err(
      maestroError("flag_invalid", `--detach-key: '${text.slice(0, 32)}' is not a key that can detach.`, {
        field: "detach-key",
        hint: "For example: --detach-key ctrl-q, or ctrl-]",
      }),
    );
  }
  const lower = key.toLowerCase();
  const code = lower.charCodeAt(0);
  const plain = String.fromCharCode(code & 0x1f);
  return ok({ name: `ctrl-${lower}`, forms: [plain, `\u001b[${code};5u`, `\u001b[27;5;${code}~`] });
}

export type Typed = { type: "input"; bytes: Uint8Array } | { type: "detach" };

/** Everything before the detach key is still for the program. Works on latin-1 text, so bytes stay bytes. */
export function splitTyped(data: Uint8Array, { forms }: DetachKey): Typed[] {
  const text = Buffer.from(data).toString("latin1");
  const at = forms.map((form) => text.indexOf(form)).filter((index) => index !== -1);
  if (at.length === 0) return [{ type: "input", bytes: data }];
  const first = Math.min(...at);
  return first === 0 ? [{ type: "detach" }] : [{ type: "input", bytes: data.subarray(0, first) }, { type: "detach" }];
}

/** A watcher's keys: nothing of them reaches the program. */
export function watcherKey(data: Uint8Array, key: DetachKey): "take" | "detach" | "none" {
  const text = Buffer.from(data).toString("latin1");
  if (key.forms.some((form) => text.includes(form)) || text === "q") return "detach";
  return text === "t" ? "take" : "none";
}
