/** A session's channel between being asked for and being open. */
import { expect, test } from "vitest";
import { FakeHost } from "./support/fake-host.ts";
import { helloOf, sessionInfo } from "./support/host-words.ts";
import { relayFixture, socketOf } from "./support/relay-fixture.ts";
import type { Text } from "./support/relay-frames.ts";

const of = (host: FakeHost, t: string): Text[] => host.asked.filter((frame) => frame.t === t);

/** A viewer of a session whose channel the host was asked for, and does not say anything about. */
async function unanswered() {
  const session = sessionInfo();
  const relay = relayFixture();
  const host = await relay.host_([session]);
  host.silent.add("watch");
  const viewer = await relay.viewer(session.id);
  await viewer.hello();
  return { session, relay, host, viewer, watch: await host.next("watch") };
}

test("[CH2] a page that is reloaded before its session's channel is open gets that channel, and it stays open", async () => {
  const { session, relay, host, viewer: first, watch } = await unanswered();
  first.socket.close(4000, "reload");
  await relay.inside(async () => undefined);
  const second = await relay.viewer(session.id);
  await second.hello();
  await second.next("pen", (frame) => frame["viewers"] === 1);
  host.silent.delete("watch");
  host.channels.set(7, { session: session.id, sent: 0, acked: 0 });
  // A host answers a second watch of one session with the channel it has.
  for (const { id } of of(host, "watch")) host.say({ t: "reply", id, value: { channel: 7, epoch: 1, offset: 0, resumed: false, session } });
  await second.reaches(0);
  host.write(5000);
  await second.reaches(5000);
  expect(of(host, "watch")).toEqual([watch]);
  expect(of(host, "unwatch")).toEqual([]);
});

test("[VR5] a viewer whose session the host cannot open now is let go, to come back by itself", async () => {
  const { session, relay, host, viewer, watch } = await unanswered();
  host.say({ t: "reply-error", id: watch["id"], error: { code: "backend_unavailable", detail: "The holder is being started." } });
  await viewer.next("error", (frame) => (frame["error"] as { code: string }).code === "backend_unavailable");
  expect(await viewer.closed).toEqual({ code: 4400, reason: "backend_unavailable" });
  host.silent.delete("watch");
  const again = await relay.viewer(session.id);
  await again.hello();
  await again.reaches(0);
});

test("[F21] a channel whose bytes overtake the answer to its watch is asked for anew", async () => {
  const { session, host, viewer, watch } = await unanswered();
  host.data("output", new Uint8Array(10), { channel: 5 });
  host.say({ t: "reply", id: watch["id"], value: { channel: 5, epoch: 1, offset: 0, resumed: false, session } });
  host.silent.delete("watch");
  host.write(5000);
  await viewer.reaches(5000);
  expect(of(host, "unwatch")).toMatchObject([{ channel: 5 }]);
});

test("[CH6] a host that is back is told of once its session takes input, to those who stayed and to those who came meanwhile", async () => {
  const session = sessionInfo();
  const relay = relayFixture();
  const host = await relay.host_([session]);
  const viewer = await relay.viewer(session.id);
  await viewer.hello();
  await viewer.reaches(0);
  host.socket.close(4000, "cut");
  await viewer.next("host", ({ connected }) => connected === false);

  const back = new FakeHost(socketOf(await relay.dial()), [session]);
  back.silent.add("watch");
  back.say(helloOf("instance-a", [session]));
  const watch = await back.next("watch");
  viewer.type("too early");
  expect(await viewer.next("error")).toMatchObject({ error: { code: "input_refused" } });
  const late = await relay.viewer(session.id);
  expect(await late.hello()).toMatchObject({ host: { connected: false } });
  expect(viewer.texts.filter(({ t, connected }) => t === "host" && connected === true)).toEqual([]);

  back.channels.set(7, { session: session.id, sent: 0, acked: 0 });
  back.say({ t: "reply", id: watch["id"], value: { channel: 7, epoch: 1, offset: 0, resumed: true, session } });
  for (const one of [viewer, late]) await one.next("host", ({ connected }) => connected === true);
  viewer.type("heard");
  await back.until(() => back.inputs.length > 0, "an input");
  expect(back.inputs).toEqual([{ session: session.id, text: "heard" }]);
});

test("[CH6] an eviction while a session is not open again: what is typed there goes into no other that has its channel now", async () => {
  const [first, second] = [sessionInfo(), sessionInfo()];
  const relay = relayFixture();
  const host = await relay.host_([first, second]);
  const viewer = await relay.viewer(first.id);
  await viewer.hello();
  await viewer.reaches(0);
  const number = [...host.channels].find(([, { session }]) => session === first.id)?.[0] ?? -1;
  host.socket.close(4000, "cut");
  await viewer.next("host", ({ connected }) => connected === false);

  const back = new FakeHost(socketOf(await relay.dial()), [first, second]);
  back.silent.add("watch");
  back.say(helloOf("instance-a", [first, second]));
  await back.next("watch");
  const other = await relay.viewer(second.id);
  await other.hello();
  const watch = await back.next("watch", (frame) => frame["session"] === second.id);
  back.channels.set(number, { session: second.id, sent: 0, acked: 0 });
  back.say({ t: "reply", id: watch["id"], value: { channel: number, epoch: 1, offset: 0, resumed: true, session: second } });
  await other.next("snapshot");

  await relay.evict();
  viewer.type("not for the other");
  await viewer.next("error");
  other.type("heard");
  await back.until(() => back.inputs.length > 0, "an input");
  expect(back.inputs).toEqual([{ session: second.id, text: "heard" }]);
});

test("[CH6] an eviction while a session whose channel its host has no more is watched anew: what is typed there goes into no other", async () => {
  const [first, second] = [sessionInfo(), sessionInfo()];
  const relay = relayFixture();
  const host = await relay.host_([first, second]);
  const viewer = await relay.viewer(first.id);
  await viewer.hello();
  await viewer.reaches(0);
  const [number = -1] = host.channels.keys();
  host.channels.clear();
  host.silent.add("watch");
  // A browser that takes its time: what it confirms would save its place anew.
  viewer.stalled = true;
  await relay.evict();
  viewer.type("wakes it, and goes nowhere");
  await host.next("sync");
  await host.next("watch");
  const other = await relay.viewer(second.id);
  await other.hello();
  const watch = await host.next("watch", (frame) => frame["session"] === second.id);
  host.channels.set(number, { session: second.id, sent: 0, acked: 0 });
  host.say({ t: "reply", id: watch["id"], value: { channel: number, epoch: 1, offset: 0, resumed: true, session: second } });
  await other.next("snapshot");

  await relay.evict();
  viewer.type("not for the other");
  await viewer.next("error");
  other.type("heard");
  await host.until(() => host.inputs.length > 0, "an input");
  expect(host.inputs).toEqual([{ session: second.id, text: "heard" }]);
});
