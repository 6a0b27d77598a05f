/** The projection of a fleet's hosts as it stands, and whether it still believes in links that are gone. */
import type { PresentHost } from "../domain/events/present.ts";
import { relayOf } from "../objects/relay-call.ts";
import type { Asking } from "./placed-sessions.ts";

/** Up to this many connected hosts are asked themselves; beyond, the projection has to do. */
export const MAX_ASKED_HOSTS = 50;

export async function presentOf(rx: Pick<Asking, "feed">, host?: string): Promise<PresentHost[]> {
  return rx.feed.present(host);
}

/**
 * [LK4] A link that went with the process that held it told nobody. Of the hosts that somebody is about to read of, those
 * that the projection has connected are asked themselves, and what a relay did not know yet it then tells.
 *
 * @returns whether one of them is gone: the projection is to be read again.
 */
export async function someGone(
  rx: Pick<Asking, "env" | "fleet">,
  shown: readonly { readonly id: string; readonly connected: boolean }[],
): Promise<boolean> {
  const asked = new Set(shown.filter(({ connected }) => connected).map(({ id }) => id));
  const linked = await Promise.allSettled([...asked].slice(0, MAX_ASKED_HOSTS).map((id) => relayOf(rx.env, rx.fleet, id).linked()));
  // One that cannot be asked right now spoils no list.
  return linked.some((answer) => answer.status === "fulfilled" && !answer.value);
}
