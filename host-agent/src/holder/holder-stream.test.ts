import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { advance, type Cursor } from "@maestro/shared/protocol/cursor";
import type { HolderClient } from "./client.ts";
import { ScreenTerminal } from "./screen-terminal.ts";
import { floodDigest, floodIn, launch } from "./testing/backend-contract.ts";
import { MAX_QUEUED_INPUT_BYTES } from "./write-queue.ts";
import { AMPLE, Ear, HolderFixture, spec, value } from "./testing/fixture.ts";

const KiB = 1024;
const fixture = new HolderFixture();
let client: HolderClient;
const ear = new Ear();

beforeAll(async () => {
  await fixture.start({ ringBytes: 1024 * KiB });
  client = await fixture.connect(ear);
});
afterAll(() => fixture.dispose());

const sh = (script: string): string[] => ["/bin/sh", "-c", script];
const flood = (bytes: number) => floodIn(fixture, bytes);

/** Follows one session by the universal rule and hashes what is new. */
function follow(to: Ear, session: string, from: Cursor): { cursor: () => Cursor; text: () => string; digest: () => string } {
  const hash = createHash("sha256");
  const parts: Buffer[] = [];
  let cursor = from;
  to.keep = false;
  to.onOutput = (event) => {
    if (event.session !== session) return;
    const step = advance(cursor, { epoch: event.epoch, offset: event.offset, length: event.bytes.byteLength });
    if (step.type === "gap" || step.type === "epoch") throw new Error(`unexpected ${step.type}`);
    if (step.type !== "take") return;
    hash.update(event.bytes.subarray(step.skip));
    parts.push(Buffer.from(event.bytes.subarray(step.skip)));
    cursor = step.next;
  };
  return { cursor: () => cursor, text: () => Buffer.concat(parts).toString(), digest: () => hash.digest("hex") };
}

describe("credit", () => {
  test("[CH3] nothing comes past the grant, and what was granted comes at once", async () => {
    const mine = new Ear();
    const reader = await fixture.connect(mine);
    const { id, epoch } = value(await client.create(spec({ argv: sh("stty raw; printf %01000d 0; read x") })));
    const other = new Ear();
    const witness = await fixture.connect(other);
    value(await witness.subscribe(id, { from: { epoch, offset: 0 }, credit: AMPLE }));
    value(await reader.subscribe(id, { from: { epoch, offset: 0 }, credit: 100 }));
    await other.until(() => other.live(id).byteLength === 1_000);
    await mine.until(() => mine.live(id).byteLength === 100);
    reader.grant(id, { epoch, upTo: 350 });
    await mine.until(() => mine.live(id).byteLength === 350);
    // Neither an older grant nor one of another epoch takes back or gives anything.
    reader.grant(id, { epoch, upTo: 10 });
    reader.grant(id, { epoch: epoch + 1, upTo: 900 });
    value(await reader.refreshFacts());
    expect(mine.live(id).byteLength).toBe(350);
    value(await client.kill(id));
    reader.close();
    witness.close();
  });

  test("[CH5] a PTY waits for its slow watcher: nothing is lost, however small the ring", async () => {
    const mine = new Ear();
    const reader = await fixture.connect(mine);
    const size = 4_000_000;
    const { argv, go } = flood(size);
    const { id, epoch } = value(await client.create(spec({ argv })));
    const followed = follow(mine, id, { epoch, offset: 0 });
    value(await reader.subscribe(id, { from: { epoch, offset: 0 }, credit: 64 * KiB }));
    go();
    for (let granted = 64 * KiB; granted < size; granted += 100_000) {
      await mine.until(() => followed.cursor().offset >= Math.min(granted, size));
      reader.grant(id, { epoch, upTo: granted + 100_000 });
    }
    await mine.until(() => followed.cursor().offset === size);
    expect(mine.gaps).toEqual([]);
    expect(followed.digest()).toBe(floodDigest(size));
    reader.close();
  }, 60_000);

  test("[CH5] past its hold a program runs on, and the watcher is told exactly what it misses", async () => {
    const mine = new Ear();
    const reader = await fixture.connect(mine);
    const size = 4_000_000;
    const { argv, go } = flood(size);
    const { id, epoch } = value(await client.create(spec({ argv })));
    value(await reader.subscribe(id, { from: { epoch, offset: 0 }, credit: 1_000 }));
    reader.hold(id, 50);
    go();
    await mine.ended(id);
    expect(mine.gaps[0]).toMatchObject({ session: id, epoch, from: 1_000 });
    expect(mine.live(id).byteLength).toBe(1_000);
    for (const [before, after] of mine.gaps.slice(1).map((gap, i) => [mine.gaps[i], gap] as const)) expect(after.from).toBe(before?.to);
    // Where the gap ends the stream goes on, once there is credit for it.
    const last = mine.gaps.at(-1)?.to ?? 0;
    reader.grant(id, { epoch, upTo: AMPLE });
    await mine.until(() => mine.live(id).byteLength === 1_000 + size - last);
    reader.close();
  });

  test("[CH2] a session that nobody watches runs at full speed into its ring", async () => {
    const { argv, go } = flood(4_000_000);
    const { id } = value(await client.create(spec({ argv })));
    go();
    await ear.ended(id);
  });

  test("[CH5] one of two watchers that stands still does not hold the other", async () => {
    const [slowEar, fastEar] = [new Ear(), new Ear()];
    const [slow, fast] = [await fixture.connect(slowEar), await fixture.connect(fastEar)];
    const size = 4_000_000;
    const { argv, go } = flood(size);
    const { id, epoch } = value(await client.create(spec({ argv })));
    const followed = follow(fastEar, id, { epoch, offset: 0 });
    value(await slow.subscribe(id, { from: { epoch, offset: 0 }, credit: 0 }));
    slow.hold(id, 60_000);
    value(await fast.subscribe(id, { from: { epoch, offset: 0 }, credit: AMPLE }));
    go();
    await fastEar.until(() => followed.cursor().offset === size);
    expect(followed.digest()).toBe(floodDigest(size));
    expect(slowEar.gaps.length).toBeGreaterThan(0);
    slow.close();
    fast.close();
  });
});

describe("attach and replay", () => {
  test("[CH4] snapshot, replay and live stream together are the whole screen, at any moment of a busy session", async () => {
    const script =
      "i=0; while [ $i -lt 1500 ]; do printf '\\033[3%dmline %d\\033[0m \\033[%d;%dHx\\r\\n' $((i%8)) $i $((i%20+1)) $((i%70+1)); i=$((i+1)); done; read x";
    const { id, epoch } = await launch(client, { argv: sh(script) });
    for (let round = 0; round < 5; round++) {
      const mine = new Ear();
      const viewer = await fixture.connect(mine);
      value(await viewer.subscribe(id, { credit: AMPLE }));
      const { offset } = value(await viewer.snapshot(id, { lines: 0 }));
      await ear.until(() => ear.text(id).includes("line 1499"));
      const last = ear.outputs.filter((event) => event.session === id).at(-1);
      const end = (last?.offset ?? 0) + (last?.bytes.byteLength ?? 0);
      const screen = new ScreenTerminal(
        80,
        24,
        offset,
        () => undefined,
        () => undefined,
      );
      screen.write(Uint8Array.from(mine.snapshots[0]?.bytes ?? []));
      let cursor: Cursor = { epoch, offset };
      const take = (): boolean => {
        for (const event of mine.outputs.splice(0)) {
          const step = advance(cursor, { epoch: event.epoch, offset: event.offset, length: event.bytes.byteLength });
          expect(step.type === "take" || step.type === "duplicate").toBe(true);
          if (step.type !== "take") continue;
          screen.write(event.bytes.subarray(step.skip));
          cursor = step.next;
        }
        return cursor.offset >= end;
      };
      await mine.until(take);
      const whole = new ScreenTerminal(
        80,
        24,
        0,
        () => undefined,
        () => undefined,
      );
      whole.write(ear.live(id));
      expect(Buffer.from(screen.snapshot(0).bytes).toString()).toBe(Buffer.from(whole.snapshot(0).bytes).toString());
      viewer.close();
    }
    value(await client.kill(id));
  });

  test("[CH4] with `from` still in the ring only the missing bytes come", async () => {
    const { id, epoch } = await launch(client, { argv: sh("stty -echo; printf 0123456789; read x; printf more; read x") });
    await ear.until(() => ear.text(id) === "0123456789");
    const mine = new Ear();
    const viewer = await fixture.connect(mine);
    expect(value(await viewer.subscribe(id, { from: { epoch, offset: 6 }, credit: AMPLE }))).toMatchObject({
      epoch,
      offset: 6,
      resumed: true,
    });
    await mine.until(() => mine.text(id) === "6789");
    client.input(id, Buffer.from("\r"));
    await mine.until(() => mine.text(id) === "6789more");
    for (const from of [
      { epoch: epoch + 1, offset: 6 },
      { epoch, offset: 1_000 },
    ]) {
      expect(value(await viewer.subscribe(id, { from, credit: AMPLE }))).toMatchObject({ epoch, offset: 14, resumed: false });
    }
    value(await client.kill(id));
    viewer.close();
  });

  test("[CH4] bytes are replayed as asked for, outside the grant; those that left the ring are a gap", async () => {
    const size = 3_000_000;
    const { argv, go } = flood(size);
    const { id, epoch } = value(await client.create(spec({ argv })));
    go();
    await ear.ended(id);
    const mine = new Ear();
    const viewer = await fixture.connect(mine);
    value(await viewer.subscribe(id, { credit: 0 }));
    viewer.need(id, { epoch, from: size - 5_000, to: size - 1_000 });
    await mine.until(() => mine.outputs.reduce((sum, { bytes }) => sum + bytes.byteLength, 0) === 4_000);
    expect(mine.outputs.every(({ replay }) => replay)).toBe(true);
    expect(mine.outputs[0]?.offset).toBe(size - 5_000);
    viewer.need(id, { epoch, from: 10, to: 20 });
    await mine.until(() => mine.gaps.length > 0);
    expect(mine.gaps).toEqual([{ session: id, epoch, from: 10, to: 20 }]);
    viewer.close();
  });

  test("[CH4] history comes to the one who asked, with as many lines as there are", async () => {
    const { id } = await launch(client, { argv: sh("i=0; while [ $i -lt 300 ]; do echo line $i; i=$((i+1)); done; read x") });
    await ear.until(() => ear.text(id).includes("line 299\r\n"));
    value(await client.snapshot(id, { lines: 100, viewer: "vwr_1" }));
    const snapshot = ear.snapshots.findLast((event) => event.session === id);
    expect(snapshot).toMatchObject({ lines: 100, viewer: "vwr_1", cols: 80, rows: 24 });
    expect(Buffer.from(snapshot?.bytes ?? []).toString()).toContain("line 180");
    value(await client.kill(id));
  });

  test("an ended session shows its last screen and replays its bytes", async () => {
    const { id, epoch } = value(await client.create(spec({ argv: sh("printf goodbye; exit 3") })));
    await ear.ended(id);
    const mine = new Ear();
    const viewer = await fixture.connect(mine);
    expect(value(await viewer.subscribe(id, { from: { epoch, offset: 0 }, credit: AMPLE })).session.end).toMatchObject({ code: 3 });
    await mine.until(() => mine.text(id) === "goodbye");
    expect(Buffer.from(value(await viewer.screen(id, "text")).bytes).toString()).toBe("goodbye\n");
    expect(await viewer.send(id, Buffer.from("x"))).toMatchObject({ ok: false, error: { code: "session_ended" } });
    expect(await viewer.resize(id, 10, 10)).toMatchObject({ ok: false, error: { code: "session_ended" } });
    viewer.close();
  });
});

test("[CH6] input that a program does not read is refused to whoever typed it, past what may wait", async () => {
  const mine = new Ear();
  const typist = await fixture.connect(mine);
  const { id } = await launch(typist, { backend: "pty", argv: sh("stty raw -echo; echo up; exec sleep 60") });
  await mine.until(() => mine.text(id).includes("up"));
  const piece = Buffer.alloc(128 * KiB, 0x61);
  for (let sent = 0; sent <= MAX_QUEUED_INPUT_BYTES; sent += piece.byteLength) typist.input(id, piece);
  await mine.until(() => mine.refusals.length > 0);
  expect(mine.refusals[0]).toMatchObject({ session: id, error: { code: "input_refused" } });
  expect(ear.refusals).toEqual([]);
  value(await typist.kill(id));
});

describe("tails", () => {
  // HOLDER_TAILS=320 runs what the claim rests on.
  const runs = Number(process.env["HOLDER_TAILS"] ?? 12);
  for (const backend of ["pty", "tmux"] as const) {
    for (const size of [20_000, 200_000]) {
      test(`not a byte is lost of ${runs} programs on ${backend} that write ${size / 1_000} KB and exit`, async () => {
        const lost: number[] = [];
        const witness = await fixture.connect();
        for (let run = 0; run < runs; run++) {
          const { id } = await launch(client, { backend, argv: sh(`stty raw; head -c ${size} /dev/zero | tr '\\0' x`) });
          await ear.ended(id);
          // The end may be told before its last bytes; where an ended session's stream stands is where it stays.
          const { offset } = value(await witness.subscribe(id, { credit: 0 }));
          if (offset !== size) lost.push(size - offset);
          await ear.until(() => ear.live(id).byteLength >= offset);
          expect(ear.live(id).byteLength).toBe(offset);
          ear.outputs.length = 0;
          for (const each of [client, witness]) each.unsubscribe(id);
          value(await client.forget(id));
        }
        witness.close();
        expect(lost).toEqual([]);
      }, 600_000);
    }
  }
});
