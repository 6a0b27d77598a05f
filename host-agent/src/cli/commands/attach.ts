/** Attaching, shared by `session attach`, `session new --attach` and `agent attach`. */
import { fail } from "@maestro/shared/errors";
import { flag } from "../args/spec.ts";
import { attach } from "../attach/attach.ts";
import { DEFAULT_DETACH_KEY, parseDetachKey } from "../attach/keys.ts";
import { RemoteAttach } from "../attach/remote.ts";
import type { AttachEvent, AttachLink } from "../attach/view.ts";
import { notLoggedIn } from "../api/client.ts";
import type { Context } from "../context.ts";
import { unwrap } from "../unwrap.ts";
import { VERSION } from "../version.ts";

export const attachFlags = {
  "read-only": flag.toggle("watch only, never ask for the pen"),
  "detach-key": flag.text(`default ${DEFAULT_DETACH_KEY} (MAESTRO_DETACH_KEY)`, "ctrl-x"),
} as const;

export interface AttachFlags {
  "read-only": boolean;
  "detach-key": string | undefined;
}

export type OpenLink = (emit: (event: AttachEvent) => void, size: () => { cols: number; rows: number }) => AttachLink;

export function attachTo(context: Context, session: string, flags: AttachFlags): Promise<number> {
  const target = context.target();
  if (target.token === undefined) {
    const { code, detail, hint } = notLoggedIn(target.url);
    throw fail(code, detail, hint === undefined ? {} : { hint });
  }
  return attachWith(
    context,
    flags,
    (emit, size) =>
      new RemoteAttach({
        target,
        session,
        readOnly: flags["read-only"],
        size,
        timeoutMs: context.timeoutMs,
        userAgent: `maestro/${VERSION}`,
        random: Math.random,
        emit,
      }),
  );
}

export function attachWith({ io }: Context, flags: AttachFlags, open: OpenLink): Promise<number> {
  if (!io.stdin.isTTY || !io.stdout.isTTY) {
    throw fail("not_a_terminal", "Attaching needs a terminal on standard input and output.", {
      hint: "To read a session in a script: maestro session screen <session>",
    });
  }
  const detachKey = unwrap(parseDetachKey(flags["detach-key"] ?? io.env["MAESTRO_DETACH_KEY"] ?? DEFAULT_DETACH_KEY));
  return attach({ io, detachKey, readOnly: flags["read-only"], open });
}
