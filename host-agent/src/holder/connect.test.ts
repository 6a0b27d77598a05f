import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { connectHolder } from "./connect.ts";
import { encodeControlMessage, MessageReader } from "./framing.ts";
import { Ear, value } from "./testing/fixture.ts";

/** A holder that greets; what comes after that it reads or not, and answers nothing. */
let dir = "";
let server: Server;
let reads: boolean;
const sockets = new Set<Socket>();
const FACTS = { version: 1, pid: 1, instance: "mute", startedMs: 0, pty: false, warnings: [] };

beforeEach(async () => {
  dir = mkdtempSync(path.join(tmpdir(), "mc-"));
  server = createServer((socket) => {
    sockets.add(socket.on("error", () => undefined));
    const reader = new MessageReader((_, payload) => {
      const { t, id } = JSON.parse(payload.toString());
      if (t !== "hello") return;
      socket.write(encodeControlMessage({ t: "reply", id, value: FACTS }));
      if (!reads) socket.pause();
    });
    socket.on("data", (chunk: Buffer) => reader.push(chunk));
  });
  await new Promise<void>((resolve) => server.listen(socketPath(), resolve));
});
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  server.close();
  rmSync(dir, { recursive: true, force: true });
});

const socketPath = (): string => path.join(dir, "s");
test("a holder that does not read: what is asked of it is refused, and costs no more memory", async () => {
  reads = false;
  const client = value(await connectHolder({ socket: socketPath() }, new Ear()));
  const asked = Array.from({ length: 1_000 }, () => client.send("ses_a", Buffer.alloc(64 * 1024)));
  expect(await asked.at(-1)).toMatchObject({ ok: false, error: { code: "backend_unavailable" } });
  const screens = Array.from({ length: 5_000 }, () => client.screen("ses_a", "text"));
  expect(await screens.at(-1)).toMatchObject({ ok: false, error: { code: "backend_unavailable" } });
  client.close();
  expect(await asked[0]).toMatchObject({ ok: false, error: { code: "not_running" } });
});

test("a holder that does not read grants: the connection ends, for a new one restates them", async () => {
  reads = false;
  const ear = new Ear();
  const client = value(await connectHolder({ socket: socketPath() }, ear));
  for (let upTo = 0; upTo < 10_000; upTo++) client.grant("s".repeat(2_000), { epoch: 1, upTo });
  await ear.until(() => ear.closedBecause !== undefined);
  expect(ear.closedBecause).toBe("the holder does not read");
});

test("a holder that reads and never answers: questions beyond a number are refused at once", async () => {
  reads = true;
  const client = value(await connectHolder({ socket: socketPath() }, new Ear()));
  const asked = Array.from({ length: 5_000 }, () => client.list());
  expect(await asked.at(-1)).toMatchObject({ ok: false, error: { code: "backend_unavailable" } });
  client.close();
  expect(await asked[0]).toMatchObject({ ok: false, error: { code: "not_running" } });
});
