import { expect, test } from "vitest";
import { maestroError } from "@maestro/shared/errors";
import { HOLD_LINK_AWAY_MS, HOLD_MS, VIEWER_GRACE_MS } from "@maestro/shared/limits";
import { silentLog } from "../daemon/log.ts";
import { MemoryHolder } from "../daemon/testing/memory-holder.ts";
import { VirtualClock } from "../daemon/testing/virtual-clock.ts";
import { Egress, type FrameSink } from "./egress.ts";
import { Terminals } from "./terminals.ts";

const nowhere: FrameSink = { bufferedBytes: 0, sendText: () => {}, sendBinary: () => {} };

async function setUp() {
  const clock = new VirtualClock();
  const holder = new MemoryHolder();
  holder.add("ses_a");
  const terminals = new Terminals({ clock, log: silentLog });
  const client = await holder.open(
    { output: () => {}, snapshot: () => {}, gap: () => {}, epoch: () => {}, inputRefused: () => {}, sessions: () => {}, closed: () => {} },
    new AbortController().signal,
  );
  if (!client.ok) throw new Error("a holder in memory is always there");
  terminals.holderUp(client.value);
  const linkUp = () => terminals.linkUp(new Egress(nowhere, clock, { overflow: () => {}, sent: () => {} }));
  const watch = () => terminals.watch({ t: "watch", id: 1, session: "ses_a" }, () => {});
  const hold = () => holder.sessions.get("ses_a")?.hold;
  linkUp();
  await watch();
  return { clock, holder, terminals, linkUp, watch, hold };
}

test("[CH5] while the link is away a watched program may be held longer, and after the viewers' grace it is let go", async () => {
  const { clock, holder, terminals, hold } = await setUp();
  expect(hold()).toBe(HOLD_MS);
  terminals.linkDown();
  expect(hold()).toBe(HOLD_LINK_AWAY_MS);
  clock.advance(VIEWER_GRACE_MS - 1);
  expect(holder.unsubscribed).toEqual([]);
  clock.advance(1);
  expect(holder.unsubscribed).toEqual(["ses_a"]);
});

test("[CH5] watched again within the grace, it is held as before and stays subscribed to", async () => {
  const { clock, holder, terminals, linkUp, watch, hold } = await setUp();
  terminals.linkDown();
  linkUp();
  await watch();
  expect(hold()).toBe(HOLD_MS);
  clock.advance(2 * VIEWER_GRACE_MS);
  expect(holder.unsubscribed).toEqual([]);
});

test("[CH5] a viewer that went without a goodbye finds its program still held, and for no longer than a hold", async () => {
  const { clock, holder, terminals, watch } = await setUp();
  terminals.unwatch({ t: "unwatch", channel: 1, lingers: true });
  clock.advance(HOLD_MS - 1);
  expect(holder.unsubscribed).toEqual([]);
  await watch();
  clock.advance(10 * HOLD_MS);
  expect(holder.unsubscribed).toEqual([]);
  terminals.unwatch({ t: "unwatch", channel: 2, lingers: true });
  clock.advance(HOLD_MS);
  expect(holder.unsubscribed).toEqual(["ses_a"]);
});

test("[CH2] after a goodbye the program is let go at once", async () => {
  const { holder, terminals } = await setUp();
  terminals.unwatch({ t: "unwatch", channel: 1 });
  expect(holder.unsubscribed).toEqual(["ses_a"]);
});

test("[VW1] a screen that could not be taken is asked for again, until its session is gone", async () => {
  const { clock, holder, terminals } = await setUp();
  holder.screenless = maestroError("backend_unavailable", "The screens' worker is being started anew.");
  terminals.wantSnapshot({ t: "want-snapshot", channel: 1, lines: 0 });
  const later = async () => {
    await new Promise(setImmediate);
    clock.advance(60_000);
    return holder.snapshotsAsked;
  };
  expect(await later()).toBe(2);
  expect(await later()).toBe(3);
  holder.sessions.delete("ses_a");
  holder.screenless = undefined;
  expect(await later()).toBe(4);
  for (let turn = 0; turn < 3; turn++) expect(await later()).toBe(4);
});
