/** Watched sessions while the link or the holder's connection comes and goes. */
import { expect, test } from "vitest";
import { maestroError } from "@maestro/shared/errors";
import { VIEWER_GRACE_MS } from "@maestro/shared/limits";
import { decodeFrame, type Frame } from "@maestro/shared/protocol/frame";
import type { WatchResult } from "@maestro/shared/protocol/link";
import { err, type Result } from "@maestro/shared/result";
import { silentLog } from "../daemon/log.ts";
import { MemoryHolder } from "../daemon/testing/memory-holder.ts";
import { VirtualClock } from "../daemon/testing/virtual-clock.ts";
import type { HolderClient } from "../holder/client.ts";
import { Egress } from "./egress.ts";
import { Terminals } from "./terminals.ts";

const SESSION = "ses_a";

async function setUp() {
  const clock = new VirtualClock();
  const memory = new MemoryHolder();
  memory.add(SESSION);
  const terminals = new Terminals({ clock, log: silentLog });
  const texts: { t: string; [field: string]: unknown }[] = [];
  const frames: Frame[] = [];
  const sink = {
    bufferedBytes: 0,
    sendText: (text: string) => void texts.push(JSON.parse(text)),
    sendBinary: (bytes: Uint8Array) => {
      const frame = decodeFrame(bytes);
      if (frame.ok && frame.value !== undefined) frames.push(frame.value);
    },
  };
  const linkUp = (): Egress => {
    const egress = new Egress(sink, clock, { overflow: () => undefined, sent: (channel) => terminals.sent(channel) });
    terminals.linkUp(egress);
    return egress;
  };
  const connect = async (): Promise<HolderClient> => {
    const opened = await memory.open(
      {
        output: (event) => terminals.output(event),
        snapshot: (event) => terminals.snapshot(event),
        gap: (event) => terminals.gap(event),
        epoch: (event) => terminals.epoch(event),
        sessions: () => undefined,
        closed: () => terminals.holderDown(),
      },
      new AbortController().signal,
    );
    if (!opened.ok) throw new Error(opened.error.detail);
    terminals.holderUp(opened.value);
    return opened.value;
  };
  const watch = async (id: number): Promise<Result<WatchResult>> => {
    const { promise, resolve } = Promise.withResolvers<Result<WatchResult>>();
    void terminals.watch({ t: "watch", id, session: SESSION }, resolve);
    return promise;
  };
  return { clock, memory, terminals, texts, frames, sink, linkUp, connect, watch };
}

/** Everything that waits for answers of the memory holder has gone on. */
const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

test("[CH1] output that waited for the link when the holder's connection broke comes all the same", async () => {
  const { memory, texts, frames, sink, linkUp, connect, watch, clock } = await setUp();
  const egress = linkUp();
  await connect();
  await watch(1);
  sink.bufferedBytes = 1024 * 1024;
  memory.produce(SESSION, new Uint8Array(1000));
  memory.drop();
  await connect();
  await settled();
  sink.bufferedBytes = 0;
  egress.pump();
  clock.advance(1000);
  expect(frames.filter(({ kind }) => kind === "output").map(({ offset, payload }) => [offset, payload.byteLength])).toEqual([[0, 1000]]);
  // What the relay had asked for is void; it hears so and asks again.
  expect(texts.map(({ t }) => t)).toEqual(["epoch"]);
});

test("[CH5] the grace of the link before does not end a session that is just being watched again", async () => {
  const { memory, terminals, frames, linkUp, connect, watch, clock } = await setUp();
  linkUp();
  await connect();
  await watch(1);
  terminals.linkDown();
  linkUp();
  const watched = watch(2);
  clock.advance(VIEWER_GRACE_MS);
  await watched;
  await settled();
  memory.produce(SESSION, new Uint8Array(10));
  clock.advance(100);
  expect(memory.unsubscribed).toEqual([]);
  expect(frames).toHaveLength(1);
});

test("[CH4] a screen that could not be taken is taken a moment later", async () => {
  const { terminals, texts, linkUp, connect, watch, clock } = await setUp();
  linkUp();
  const client = await connect();
  await watch(1);
  const take = client.snapshot.bind(client);
  client.snapshot = async () => err(maestroError("internal", "The worker is being started."));
  terminals.wantSnapshot({ t: "want-snapshot", channel: 1, lines: 0 });
  await settled();
  client.snapshot = take;
  clock.advance(1000);
  await settled();
  expect(texts.map(({ t }) => t)).toEqual(["snapshot"]);
});
