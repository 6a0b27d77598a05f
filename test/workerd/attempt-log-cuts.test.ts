/** [F18] A log whose link is cut at random, whose frames come twice, late and overlapping, and whose objects go: no byte differs. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { LINK_CREDIT_BYTES } from "@maestro/shared/limits";
import type { AttemptReport } from "@maestro/shared/protocol/tasks";
import { AttemptLog } from "../../control-plane/src/objects/attempt-log.ts";
import { bytesOf, logFixture, sha256Of, type LogFixture, type LogFollower } from "./support/log-fixture.ts";
import { relayFixture, type RelayFixture } from "./support/relay-fixture.ts";
import type { FakeHost } from "./support/fake-host.ts";
import { seeded, type Seeded } from "./support/seeded.ts";
import { schedulerScript } from "./support/scheduler-script.ts";

const scheduler = schedulerScript();
afterEach(() => vi.restoreAllMocks());

const CHANNEL = 0x8000_0001;
const MAX_PIECE = 3_000;

/** One link of a host that ships a file: within its credit, not always in order, and not always once. */
class Shipping {
  sent = 0;
  durable = -1;
  acked = false;
  readonly #host: FakeHost;
  readonly #attempt: string;
  readonly #text: string;
  readonly #random: Seeded;

  constructor(host: FakeHost, attempt: string, text: string, random: Seeded) {
    this.#host = host;
    this.#attempt = attempt;
    this.#text = text;
    this.#random = random;
    host.socket.addEventListener("message", ({ data }) => {
      if (typeof data !== "string" || !data.startsWith("{")) return;
      const frame = JSON.parse(data) as { t: string; attempt?: string; offset?: number; from?: number };
      if (frame.attempt !== attempt) return;
      if (frame.t === "log.durable") {
        this.durable = Math.max(this.durable, frame.offset ?? 0);
        this.sent = Math.max(this.sent, this.durable);
      } else if (frame.t === "log.need") this.sent = frame.from ?? 0;
      else if (frame.t === "task.ack") this.acked = true;
    });
    host.say({ t: "log.open", channel: CHANNEL, attempt, fence: 1 });
  }

  async opened(): Promise<void> {
    await this.#host.until(() => this.durable >= 0, "where the log stands");
  }

  /** Some of what is there. */
  async ship(pieces: number): Promise<void> {
    for (let i = 0; i < pieces && this.sent < this.#text.length; i++) {
      if (this.sent - this.durable >= LINK_CREDIT_BYTES) await this.#moves();
      const from = this.sent;
      const to = Math.min(this.#text.length, from + 1 + this.#random.below(MAX_PIECE));
      this.sent = to;
      switch (this.#random.below(8)) {
        case 0:
          // Twice.
          this.#put(from, to);
          this.#put(from, to);
          break;
        case 1:
          // With some of what came before.
          this.#put(Math.max(0, from - this.#random.below(MAX_PIECE)), to);
          break;
        case 2: {
          // In the wrong order.
          const middle = from + Math.floor((to - from) / 2);
          this.#put(middle, to);
          this.#put(from, middle);
          break;
        }
        default:
          this.#put(from, to);
      }
    }
  }

  async durableTo(offset: number): Promise<void> {
    for (; this.durable < offset;) {
      await this.ship(1_000);
      if (this.durable < offset) await this.#moves();
    }
  }

  async end(report: AttemptReport): Promise<void> {
    this.#host.say({ t: "task.status", report });
    await this.#host.until(() => this.acked, "the end acknowledged");
  }

  #put(from: number, to: number): void {
    if (to > from) this.#host.data("log", bytesOf(this.#text.slice(from, to)), { channel: CHANNEL, offset: from });
  }

  #moves(): Promise<void> {
    const { durable, sent } = this;
    return this.#host.until(() => this.durable !== durable || this.sent !== sent, `anything after ${durable} of ${this.#attempt}`);
  }
}

/** Ships a whole log through this many cuts. */
async function history(seed: number, bytes: number, cuts: number): Promise<{ log: LogFixture; text: string; reader: Reader }> {
  const random = seeded(seed);
  const relay = relayFixture();
  const log = logFixture(relay);
  scheduler.owners.set(log.attempt, { attempt: log.attempt, task: "tsk_1", fence: 1, host: { id: relay.host, name: "builder" } });
  const text = Array.from({ length: bytes }, () => String.fromCharCode(97 + random.below(26))).join("");
  const end: AttemptReport = {
    attempt: log.attempt,
    fence: 1,
    status: { state: "ended", end: { outcome: "completed", exitCode: 0, endedMs: 1, log: { bytes, sha256: await sha256Of(text) } } },
  };
  const reader = new Reader(log);
  for (let cut = 0; cut < cuts; cut++) {
    const host = await relay.host_([]);
    const shipping = new Shipping(host, log.attempt, text, random);
    if (random.below(4) > 0) await shipping.opened();
    await shipping.ship(random.below(12));
    await fault(random.below(6), relay, log, reader);
    await shipping.ship(random.below(6));
    host.socket.close(4000, "cut");
  }
  const host = await relay.host_([]);
  const last = new Shipping(host, log.attempt, text, random);
  await last.opened();
  // The end may be told before the last bytes, or after them.
  const early = random.below(2) === 0 ? last.end(end) : undefined;
  await last.durableTo(bytes);
  await (early ?? last.end(end));
  return { log, text, reader };
}

async function fault(which: number, relay: RelayFixture, log: LogFixture, reader: Reader): Promise<void> {
  switch (which) {
    case 0:
      return relay.evict();
    case 1:
      return log.evict();
    case 2:
      return log.kill();
    case 3:
      return reader.again();
    default:
  }
}

/** Follows, and comes back where it was. */
class Reader {
  #text = "";
  #follower: LogFollower | undefined;
  readonly #log: LogFixture;

  constructor(log: LogFixture) {
    this.#log = log;
  }

  async again(): Promise<void> {
    this.#take();
    this.#follower = await this.#log.follow(this.#text.length);
  }

  async all(): Promise<string> {
    await this.again();
    await this.#follower?.ended;
    this.#take();
    return this.#text;
  }

  #take(): void {
    if (this.#follower?.problem !== undefined) throw new Error(this.#follower.problem);
    this.#text += this.#follower?.text ?? "";
    this.#follower?.socket.close(1000, "bye");
    this.#follower = undefined;
  }
}

describe("[F18] [LG1] [LG2] a log through a bad link", () => {
  test.each([1, 2])("[F18] seed %i: no byte differs, at the edge or at a reader", { timeout: 120_000 }, async (seed) => {
    const { log, text, reader } = await history(seed, 40_000, 8);
    expect(await log.stub.state()).toMatchObject({ complete: true, bytes: text.length, sha256: await sha256Of(text) });
    expect((await log.whole()).text === text).toBe(true);
    expect((await reader.all()) === text).toBe(true);
  });

  test("[F18] an edge that takes what overlaps as new is found out", { timeout: 120_000 }, async () => {
    const real = AttemptLog.prototype.append;
    vi.spyOn(AttemptLog.prototype, "append").mockImplementation(async function (this: AttemptLog, offset, bytes) {
      const { available } = await this.state();
      return real.call(this, offset < available ? available : offset, bytes);
    });
    const { log } = await history(1, 40_000, 8);
    expect(await log.stub.state()).toMatchObject({ again: true, complete: false });
  });
});
