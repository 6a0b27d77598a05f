import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { VirtualClock } from "../daemon/testing/virtual-clock.ts";
import type { Terminal, TerminalEvents } from "./backend.ts";
import type { Watcher } from "./held-session.ts";
import { Holder } from "./holder.ts";
import { RegistryFile } from "./registry-file.ts";
import { ScreenHost } from "./screen-host.ts";
import { UserTmux, type UserListing, type UserSession } from "./user-tmux.ts";

const screens = new ScreenHost((detail) => {
  throw new Error(detail);
});
let dir: string;
beforeAll(() => {
  dir = mkdtempSync(path.join(tmpdir(), "hu-"));
});
afterAll(async () => {
  await screens.close();
  rmSync(dir, { recursive: true });
});

function time() {
  const virtual = new VirtualClock();
  const after = (ms: number, run: () => void): (() => void) => virtual.after(ms, run);
  return { virtual, clock: { now: () => virtual.wallMs(), monotonicMs: () => virtual.monotonicMs(), after } };
}

/** Never attached. */
const terminal: Terminal = {
  answersQueries: false,
  leader: undefined,
  pausable: true,
  streaming: false,
  pause: () => undefined,
  resume: () => undefined,
  write: () => false,
  resize: () => undefined,
  watched: () => undefined,
  kill: async () => undefined,
  cwd: async () => undefined,
  capture: (take) => take(undefined),
  release: () => undefined,
};

/** A holder, and a list of the user's that the test writes. */
function world() {
  const { virtual, clock } = time();
  const opened: TerminalEvents[] = [];
  const facts = { id: "ses_x", name: "mine", backend: "user-tmux" as const, command: "tmux", agent: undefined, cwd: "", title: "" };
  const mine: UserSession = {
    id: facts.id,
    facts: { ...facts, cols: 80, rows: 24, createdMs: 1, lastActivityMs: 1, epoch: 1 },
    open: (events) => {
      opened.push(events);
      return terminal;
    },
  };
  let listing: UserListing = { askedMs: 0, sessions: [mine] };
  const holder = new Holder({
    clock,
    screens,
    ringBytes: 1024,
    env: {},
    backends: [],
    users: { list: async () => listing },
    registry: new RegistryFile(path.join(dir, "registry"), { bootId: "b", holder: { pid: 1, started: "1" } }, clock, () => []),
    facts: { pid: 1, instance: "i", startedMs: 0, tmux: undefined, pty: false },
    warnings: [],
    tell: () => undefined,
    report: () => undefined,
    stopping: () => undefined,
  });
  const look = async (askedMs: number) => {
    listing = { askedMs, sessions: [mine] };
    await holder.refresh();
    return holder.find(mine.id);
  };
  return { virtual, opened, look };
}

function watcher(): Watcher & { gone: boolean } {
  const watching = { sent: 0, unsent: 0, progressMs: 0, holdMs: 0, lingers: false, gone: false };
  return Object.assign(watching, { wake: () => undefined, restarted: () => undefined, left: () => void (watching.gone = true) });
}

test("a user's session that ended stays ended for a list that is older, and begins anew, in another epoch, for one that is not", async () => {
  const { virtual, opened, look } = world();
  const session = await look(0);
  const viewer = watcher();
  session?.watch(viewer);
  virtual.advance(500);
  opened[0]?.ended({ reason: "exited" });
  virtual.advance(500);
  expect(await look(0)).toBe(session);
  expect(await look(500)).toBe(session);
  expect(viewer.gone).toBe(false);
  const anew = await look(501);
  expect(anew).not.toBe(session);
  expect(anew?.end).toBeUndefined();
  expect(anew?.epoch).not.toBe(session?.epoch);
  expect({ gone: viewer.gone, watched: session?.watched }).toEqual({ gone: true, watched: false });
});

test("input for a user's session that is watched and not attached is to be typed again; else it is to be attached to", async () => {
  const session = await world().look(0);
  const refused = () => session?.write(Buffer.from("x"));
  expect(refused()).toMatchObject({ error: { code: "input_refused", hint: "Attach to it, and type again." } });
  session?.watch(watcher());
  expect(refused()).toMatchObject({ error: { code: "input_refused", detail: "'mine' is being attached again." } });
});

test("whoever lists while the user's tmux is asked gets what it answers, with the time it was asked", async () => {
  const { virtual, clock } = time();
  const socket = path.join(dir, "default");
  writeFileSync(socket, "");
  const asked: ((answer: string) => void)[] = [];
  const users = new UserTmux({
    server: { query: () => new Promise((resolve) => asked.push(resolve)) },
    socket,
    attachArgv: (id) => ["attach", id],
    pty: { kind: "pty", start: () => Promise.reject(new Error("nobody watches")) },
    env: {},
    clock,
  });
  virtual.advance(10);
  const first = users.list();
  virtual.advance(3_000);
  const second = users.list();
  expect(asked).toHaveLength(1);
  asked[0]?.("$3 100 100 80 24 off mine\n");
  for (const listing of [await first, await second])
    expect(listing).toMatchObject({ askedMs: 10, sessions: [{ facts: { name: "mine" } }] });
});
