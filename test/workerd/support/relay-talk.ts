/** What is asked of a relay from outside: its refusals, what it told the fleet, and what it does later. */
import { runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import type { RelayFixture } from "./relay-fixture.ts";

/** Of a refused upgrade. */
export const problemOf = async (response: Response): Promise<unknown> => ({
  status: response.status,
  code: (await response.json<{ code: string }>()).code,
});
export const eventsOf = async (relay: RelayFixture): Promise<string[]> => {
  const { items } = await env.FEED.getByName(relay.fleet).events("0", 100);
  return items.map(({ type }) => type);
};
/** The object's clock, and its alarm at once. */
export async function later(relay: RelayFixture, ms: number): Promise<void> {
  await relay.inside((instance) => {
    const at = instance.now() + ms;
    instance.now = () => at;
  });
  await runDurableObjectAlarm(relay.stub);
}
