import { createHash } from "node:crypto";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { systemClock } from "../daemon/clock.ts";
import { silentLog } from "../daemon/log.ts";
import { VirtualClock } from "../daemon/testing/virtual-clock.ts";
import { seededRandom, type Random } from "../holder/testing/random.ts";
import { LOG_LIMITS, type LogLimits } from "./log-cursor.ts";
import { knownSecrets } from "./log-file.ts";
import { MAX_ON_ITS_WAY_BYTES } from "./log-sending.ts";
import { LogShipper, type LogShipperDeps } from "./log-shipper.ts";
import { CREDIT, LogEdge } from "./testing/log-edge.ts";

const started: LogShipper[] = [];
const directories: string[] = [];
afterEach(() => {
  for (const shipper of started.splice(0)) shipper.stop();
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

function ship(deps: Partial<LogShipperDeps> = {}): LogShipper {
  const shipper = new LogShipper({ clock: systemClock, log: silentLog, ...deps });
  started.push(shipper);
  return shipper;
}

function logFile(content: string | Buffer = ""): string {
  const directory = mkdtempSync(path.join(tmpdir(), "log-"));
  directories.push(directory);
  const file = path.join(directory, "agent.log");
  writeFileSync(file, content, { mode: 0o600 });
  return file;
}

const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");
const noise = (random: Random, length: number): Buffer => Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)));
const int = (random: Random, min: number, max: number): number => min + Math.floor(random() * (max - min + 1));

describe("[LG1] logs by offset", () => {
  test("what nobody follows comes whole at the end, and equals the file", async () => {
    const file = logFile("hello ");
    const [shipper, edge] = [ship(), new LogEdge()];
    shipper.linkUp(edge.link(shipper));
    shipper.open("att_1", 3, file, knownSecrets([]));
    appendFileSync(file, "world\n");
    const digest = await shipper.ended("att_1");
    expect(digest).toEqual({ bytes: 12, sha256: sha256(Buffer.from("hello world\n")) });
    await edge.until(() => edge.log("att_1").position === 12);
    expect(edge.content("att_1").toString()).toBe("hello world\n");
    expect(edge.fences.get("att_1")).toBe(3);
    expect(edge.frames).toBe(1);
  });

  test("what somebody follows comes as it is written", async () => {
    const file = logFile();
    const [shipper, edge] = [ship(), new LogEdge()];
    shipper.linkUp(edge.link(shipper));
    shipper.open("att_1", 1, file, knownSecrets([]));
    shipper.follow("att_1", true);
    let written = "";
    for (const word of ["one\n", "two\n", "three\n"]) {
      appendFileSync(file, word);
      written += word;
      await edge.until(() => edge.content("att_1").toString() === written);
    }
  });

  test("a follower who came before the log was opened, or in its middle, gets what is there", async () => {
    const file = logFile("early\n");
    const [shipper, edge] = [ship(), new LogEdge()];
    shipper.linkUp(edge.link(shipper));
    shipper.follow("att_1", true);
    shipper.open("att_1", 1, file, knownSecrets([]));
    await edge.until(() => edge.content("att_1").toString() === "early\n");
    const other = logFile("middle\n");
    shipper.open("att_2", 1, other, knownSecrets([]));
    shipper.follow("att_2", true);
    await edge.until(() => edge.content("att_2").toString() === "middle\n");
  });

  test("what may still grow is opened on each new link at once, so that the edge can tell who follows it", async () => {
    const file = logFile("small\n");
    const [shipper, edge] = [ship(), new LogEdge()];
    shipper.open("att_1", 1, file, knownSecrets([]));
    shipper.linkUp(edge.link(shipper));
    await edge.until(() => edge.told.length === 1);
    shipper.follow("att_1", true);
    await edge.until(() => edge.content("att_1").toString() === "small\n");
    shipper.linkDown();
    shipper.linkUp(edge.link(shipper));
    await edge.until(() => edge.told.length === 2);
    appendFileSync(file, "more\n");
    shipper.follow("att_1", true);
    await edge.until(() => edge.content("att_1").toString() === "small\nmore\n");
    shipper.open("att_2", 1, logFile(), knownSecrets([]));
    await edge.until(() => edge.told.length === 3);
    expect(edge.told).toEqual(["open att_1", "open att_1", "open att_2"]);
  });

  test("a log that nobody watches is looked at once a second, and goes in pieces", async () => {
    const file = logFile();
    const clock = new VirtualClock();
    const [shipper, edge] = [ship({ clock }), new LogEdge()];
    shipper.linkUp(edge.link(shipper));
    shipper.open("att_1", 1, file, knownSecrets([]));
    appendFileSync(file, Buffer.alloc(LOG_LIMITS.piece + 5, "x"));
    clock.advance(1_000);
    await edge.until(() => edge.log("att_1").position === LOG_LIMITS.piece);
    expect(await shipper.ended("att_1")).toMatchObject({ bytes: LOG_LIMITS.piece + 5 });
    await edge.until(() => edge.log("att_1").position === LOG_LIMITS.piece + 5);
  });

  test("no more than its credit is on its way, and a commit lets it go on", async () => {
    const random = seededRandom(1);
    const content = noise(random, 2_000_000);
    const file = logFile(content);
    const [shipper, edge] = [ship(), new LogEdge()];
    edge.manual = true;
    shipper.linkUp(edge.link(shipper));
    shipper.open("att_1", 1, file, knownSecrets([]));
    await shipper.ended("att_1");
    for (let want = CREDIT; edge.log("att_1").position < content.byteLength; want += CREDIT) {
      await edge.until(() => edge.log("att_1").position >= Math.min(want, content.byteLength));
      edge.commit();
    }
    expect(edge.mostOnItsWay).toBe(CREDIT);
    expect(edge.sha256("att_1")).toBe(sha256(content));
  });

  test("all logs together have a bound, and each gets its turn", async () => {
    const [shipper, edge] = [ship(), new LogEdge()];
    edge.manual = true;
    const names = Array.from({ length: 24 }, (_, i) => `att_${i}`);
    for (const name of names) shipper.open(name, 1, logFile(Buffer.alloc(600_000, name)), knownSecrets([]));
    await Promise.all(names.map((name) => shipper.ended(name)));
    shipper.linkUp(edge.link(shipper));
    await edge.until(() => edge.receivedBytes >= MAX_ON_ITS_WAY_BYTES);
    // Time enough for more, if there were no bound.
    for (let turn = 0; turn < 300; turn += 1) await new Promise(setImmediate);
    expect(edge.receivedBytes).toBe(MAX_ON_ITS_WAY_BYTES);
    expect(names.filter((name) => edge.log(name).position > 0)).toHaveLength(names.length);
    edge.manual = false;
    edge.commit();
    await edge.until(() => names.every((name) => edge.log(name).position === 600_000));
  });

  test("a gap is filled from where the edge says, also after it had called more durable", async () => {
    const content = noise(seededRandom(2), 900_000);
    const file = logFile(content);
    const [shipper, edge] = [ship(), new LogEdge()];
    shipper.linkUp(edge.link(shipper));
    shipper.open("att_1", 1, file, knownSecrets([]));
    await shipper.ended("att_1");
    await edge.until(() => edge.log("att_1").position === content.byteLength);
    edge.lose("att_1", 1_000);
    shipper.need("att_1", 1_000);
    await edge.until(() => edge.log("att_1").position === content.byteLength);
    expect(edge.sha256("att_1")).toBe(sha256(content));
  });

  test("what a broken link took with it is sent again by itself, from what is durable", async () => {
    const content = noise(seededRandom(6), 600_000);
    const [shipper, edge] = [ship(), new LogEdge()];
    const lost = new LogEdge();
    lost.manual = true;
    shipper.open("att_1", 1, logFile(content), knownSecrets([]));
    await shipper.ended("att_1");
    shipper.linkUp(lost.link(shipper));
    await lost.until(() => lost.receivedBytes >= 128 * 1024);
    shipper.linkDown();
    shipper.linkUp(edge.link(shipper));
    await edge.until(() => edge.log("att_1").position === content.byteLength);
    expect(edge.told).toEqual(["open att_1"]);
    expect(edge.sha256("att_1")).toBe(sha256(content));
  });

  test("after a restart of the host-agent it goes on where the edge stands", async () => {
    const content = noise(seededRandom(3), 3_000_000);
    const file = logFile(content);
    const edge = new LogEdge();
    const before = ship();
    before.linkUp(edge.link(before));
    before.open("att_1", 1, file, knownSecrets([]));
    await before.ended("att_1");
    await edge.until(() => edge.log("att_1").position === content.byteLength);
    before.stop();
    appendFileSync(file, "the end");
    edge.receivedBytes = 0;
    const after = ship();
    after.linkUp(edge.link(after));
    after.open("att_1", 1, file, knownSecrets([]));
    const digest = await after.ended("att_1");
    await edge.until(() => edge.log("att_1").position === content.byteLength + 7);
    expect(edge.sha256("att_1")).toBe(digest.sha256);
    expect(edge.receivedBytes).toBeLessThanOrEqual(CREDIT + 7);
  });

  test("forgotten once it is stored, not before, and told once", async () => {
    const shippedLogs: string[] = [];
    const [shipper, edge] = [ship({ shipped: (attempt) => shippedLogs.push(attempt) }), new LogEdge()];
    shipper.open("att_1", 1, logFile(Buffer.alloc(700_000)), knownSecrets([]));
    await shipper.ended("att_1");
    shipper.close("att_1");
    expect(shippedLogs).toEqual([]);
    shipper.linkUp(edge.link(shipper));
    await edge.until(() => edge.log("att_1").position === 700_000);
    await expect.poll(() => shippedLogs).toEqual(["att_1"]);
    await expect(shipper.ended("att_1")).rejects.toThrow("not opened");
  });

  test("an empty log, and one whose file never came, end at once", async () => {
    const shipper = ship();
    shipper.open("att_1", 1, logFile(), knownSecrets([]));
    shipper.open("att_2", 1, path.join(tmpdir(), "there", "is", "none.log"), knownSecrets([]));
    const empty = { bytes: 0, sha256: sha256(Buffer.alloc(0)) };
    expect(await shipper.ended("att_1")).toEqual(empty);
    expect(await shipper.ended("att_2")).toEqual(empty);
  });

  test("[F34] what a grandchild appends later does not belong to it", async () => {
    const file = logFile("mine\n");
    const [shipper, edge] = [ship(), new LogEdge()];
    shipper.open("att_1", 1, file, knownSecrets([]));
    const digest = await shipper.ended("att_1");
    appendFileSync(file, "not mine\n");
    shipper.linkUp(edge.link(shipper));
    await edge.until(() => edge.log("att_1").position >= digest.bytes);
    expect(edge.content("att_1").toString()).toBe("mine\n");
  });

  test("[F34] nor what it appends while the end is still being read", async () => {
    const content = Buffer.alloc(20_000_000, "mine\n");
    const file = logFile(content);
    const [shipper, edge] = [ship(), new LogEdge()];
    shipper.linkUp(edge.link(shipper));
    shipper.open("att_1", 1, file, knownSecrets([]));
    const ended = shipper.ended("att_1");
    // Two pieces were read: the second one after the length was looked at.
    shipper.follow("att_1", true);
    await edge.until(() => edge.log("att_1").position > 256 * 1024);
    appendFileSync(file, "not mine\n");
    expect(await ended).toEqual({ bytes: content.byteLength, sha256: sha256(content) });
  });

  test("bytes that the child took out of its log again are told as missing, and the rest comes", async () => {
    const file = logFile(Buffer.alloc(400_000, "a"));
    const [shipper, edge] = [ship(), new LogEdge()];
    shipper.open("att_1", 1, file, knownSecrets([]));
    const digest = await shipper.ended("att_1");
    truncateSync(file, 300_000);
    shipper.linkUp(edge.link(shipper));
    await edge.until(() => edge.log("att_1").position === digest.bytes);
    expect(edge.told).toContain("skip att_1 300000-400000");
  });
});

describe("[LG2] long logs", () => {
  const limits: LogLimits = { ...LOG_LIMITS, whole: 128_000, head: 32_000, tail: 96_000, piece: 10_000 };

  test.each([
    ["never linked before", false],
    ["followed as it grew", true],
  ])("keep beginning and end: %s", async (_how, followed) => {
    const content = noise(seededRandom(4), 400_000);
    const file = logFile();
    const [shipper, edge] = [ship({ limits }), new LogEdge()];
    shipper.open("att_1", 1, file, knownSecrets([]));
    if (followed) {
      shipper.linkUp(edge.link(shipper));
      shipper.follow("att_1", true);
    }
    for (let at = 0; at < content.byteLength; at += 50_000) {
      appendFileSync(file, content.subarray(at, at + 50_000));
      shipper.grown("att_1");
      if (followed && at < limits.whole - 50_000) await edge.until(() => edge.log("att_1").position >= at + 50_000);
    }
    const digest = await shipper.ended("att_1");
    expect(digest).toEqual({ bytes: 400_000, sha256: sha256(content) });
    if (!followed) shipper.linkUp(edge.link(shipper));
    await edge.until(() => edge.log("att_1").position === content.byteLength);
    expect(edge.log("att_1").omitted).toEqual({ from: 32_000, to: 304_000 });
    expect(edge.content("att_1").equals(Buffer.concat([content.subarray(0, 32_000), content.subarray(304_000)]))).toBe(true);
    // What is left out is not sent to be thrown away.
    expect(edge.receivedBytes).toBeLessThanOrEqual(limits.whole + limits.tail);
  });

  test("a log just over the limit keeps all but what the limit takes", async () => {
    const content = noise(seededRandom(5), 129_000);
    const [shipper, edge] = [ship({ limits }), new LogEdge()];
    shipper.linkUp(edge.link(shipper));
    shipper.open("att_1", 1, logFile(content), knownSecrets([]));
    shipper.follow("att_1", true);
    await edge.until(() => edge.log("att_1").position === 128_000);
    await shipper.ended("att_1");
    await edge.until(() => edge.log("att_1").position === 129_000);
    expect(edge.log("att_1").omitted).toEqual({ from: 32_000, to: 33_000 });
    expect(edge.content("att_1").equals(Buffer.concat([content.subarray(0, 32_000), content.subarray(33_000)]))).toBe(true);
  });
});

describe("[LG4] secrets", () => {
  const secret = "tr0ub4dor&3-correct-horse";

  test("are in no frame and not in the file, however the child writes them, and both stay equal", async () => {
    const file = logFile();
    const [shipper, edge] = [ship(), new LogEdge()];
    shipper.linkUp(edge.link(shipper));
    shipper.open("att_1", 1, file, knownSecrets([secret]));
    shipper.follow("att_1", true);
    for (const part of ["the key is tr0ub", "4dor&3-corr", "ect-horse, yes\n", `${encodeURIComponent(secret)}\n`]) {
      appendFileSync(file, part);
      await edge.until(() => edge.log("att_1").position > 0);
      shipper.grown("att_1");
    }
    appendFileSync(file, `${Buffer.from(secret).toString("base64")} and at the end ${secret.slice(0, -1)}`);
    const digest = await shipper.ended("att_1");
    await edge.until(() => edge.log("att_1").position === digest.bytes);
    const onDisk = readFileSync(file);
    expect(onDisk.equals(edge.content("att_1"))).toBe(true);
    expect(digest).toEqual({ bytes: onDisk.byteLength, sha256: sha256(onDisk) });
    expect(onDisk.toString()).toMatch(/^the key is \*{25}, yes\n\*{27}\n/);
    expect(onDisk.toString()).toContain(`at the end ${secret.slice(0, -1)}`);
    expect(onDisk.includes(Buffer.from(secret).toString("base64").slice(2, -4))).toBe(false);
  });
});

describe("[F3] [F18] a link that breaks anywhere", () => {
  test("at random: cuts, losses, follows, restarts and secrets end in a log that equals the file", { timeout: 120_000 }, async () => {
    const seed = Number(process.env["MAESTRO_TEST_SEED"] ?? 20_261_129);
    const random = seededRandom(seed);
    for (let round = 0; round < 25; round += 1) {
      const limits: LogLimits = {
        ...LOG_LIMITS,
        frame: int(random, 100, 5_000),
        credit: int(random, 5_000, 20_000),
        piece: int(random, 500, 20_000),
      };
      const secret = "0123456789abcdef-secret";
      const edge = new LogEdge();
      const file = logFile();
      let shipper = ship({ limits });
      shipper.open("att_1", 1, file, knownSecrets([secret]));
      let link = edge.link(shipper);
      shipper.linkUp(link);
      for (let step = 0; step < 60; step += 1) {
        switch (int(random, 0, 7)) {
          case 0:
            link.cut();
            shipper.linkDown();
            link = edge.link(shipper);
            shipper.linkUp(link);
            break;
          case 1:
            // Whatever is sent from here on is lost, until the link is made anew.
            link.cut();
            break;
          case 2:
            shipper.follow("att_1", random() < 0.7);
            break;
          case 3: {
            const { position } = edge.log("att_1");
            edge.lose("att_1", int(random, 0, position));
            shipper.need("att_1", edge.log("att_1").position);
            break;
          }
          case 4:
            shipper.stop();
            shipper = ship({ limits });
            link = edge.link(shipper);
            shipper.linkUp(link);
            shipper.open("att_1", 1, file, knownSecrets([secret]));
            break;
          default:
            appendFileSync(file, random() < 0.3 ? secret.slice(0, int(random, 1, secret.length)) : noise(random, int(random, 1, 9_000)));
            shipper.grown("att_1");
            break;
        }
        if (random() < 0.5) await new Promise(setImmediate);
      }
      const digest = await shipper.ended("att_1");
      link.cut();
      shipper.linkUp(edge.link(shipper));
      await edge.until(() => edge.log("att_1").position === digest.bytes);
      expect(edge.sha256("att_1"), `seed ${seed} round ${round}`).toBe(digest.sha256);
      expect(sha256(readFileSync(file)), `seed ${seed} round ${round}`).toBe(digest.sha256);
      expect(readFileSync(file).includes(secret)).toBe(false);
      shipper.stop();
    }
  });
});
