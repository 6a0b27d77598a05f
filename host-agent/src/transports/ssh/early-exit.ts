/** How a process ended, from its channel's first moment: the end may come in the same packet as the channel itself. */
import type { ClientChannel } from "ssh2";

export type KnownEnd = { type: "exited"; code: number } | { type: "signalled"; signal: string };

const ends = new WeakMap<ClientChannel, KnownEnd>();

/** To be called where the channel is handed out, before anything is awaited. */
export function watchExit(channel: ClientChannel): void {
  channel.once("exit", (code: number | null, signal?: string) => ends.set(channel, endOf(code, signal)));
}

export const knownEnd = (channel: ClientChannel): KnownEnd | undefined => ends.get(channel);

/** As ssh2 tells it: no code where it was a signal. */
export const endOf = (code: number | null, signal: string | undefined): KnownEnd =>
  code === null ? { type: "signalled", signal: signal ?? "unknown" } : { type: "exited", code };
