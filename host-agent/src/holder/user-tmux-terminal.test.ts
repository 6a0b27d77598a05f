import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ok } from "@maestro/shared/result";
import { VirtualClock } from "../daemon/testing/virtual-clock.ts";
import type { Terminal, TerminalBackend, TerminalEnd, TerminalEvents } from "./backend.ts";
import { UserTmuxTerminal } from "./user-tmux-terminal.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), "ut-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

/** A user's tmux with one session, and a PTY backend whose clients are played by the test. */
function world() {
  const socket = path.join(dir, "default");
  writeFileSync(socket, "");
  const virtual = new VirtualClock();
  const clock = {
    now: () => virtual.wallMs(),
    monotonicMs: () => virtual.monotonicMs(),
    after: (ms: number, run: () => void) => virtual.after(ms, run),
  };
  const tmux = { created: "100" };
  const clients: TerminalEvents[] = [];
  const did: string[] = [];
  const pty: TerminalBackend = {
    kind: "pty",
    start: async (plan, events) => {
      did.push(`${plan.argv.join(" ")} at ${virtual.monotonicMs()}`);
      clients.push(events);
      return ok(clientOf(events, did));
    },
  };
  const ends: TerminalEnd[] = [];
  const terminal = new UserTmuxTerminal(
    {
      server: { query: async () => `${tmux.created} 80 24 off\n` },
      socket,
      attachArgv: (id) => ["attach", id],
      pty,
      env: {},
      clock,
    },
    "ses_x",
    { id: "$3", created: "100" },
    { cols: 80, rows: 24 },
    { output: () => undefined, restarted: () => undefined, resized: () => undefined, ended: (end) => void ends.push(end) },
  );
  return { socket, virtual, tmux, clients, did, ends, terminal };
}

function clientOf(events: TerminalEvents, did: string[]): Terminal {
  return {
    answersQueries: false,
    leader: undefined,
    pausable: true,
    streaming: true,
    pause: () => void did.push("pause"),
    resume: () => undefined,
    write: () => true,
    resize: () => undefined,
    watched: () => undefined,
    kill: async () => {
      did.push("kill");
      events.ended({ reason: "exited" });
    },
    cwd: async () => undefined,
    capture: (take) => take(undefined),
    release: () => undefined,
  };
}

/** Every promise that is settled has been heard of. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("a client that never lasts is tried again ever more rarely, and one that lasted at once", async () => {
  const { virtual, clients, did, terminal } = world();
  terminal.watched(true);
  await settled();
  const triedAgainAfter = async (ms: number): Promise<void> => {
    const before = did.length;
    clients.at(-1)?.ended({ reason: "exited" });
    virtual.advance(ms - 1);
    await settled();
    expect(did).toHaveLength(before);
    virtual.advance(1);
    await settled();
    expect(did).toHaveLength(before + 1);
  };
  for (const ms of [100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]) await triedAgainAfter(ms);
  virtual.advance(10_000);
  await settled();
  await triedAgainAfter(100);
});

test("nobody is attached any more once nobody looks, also while a try is due", async () => {
  const { virtual, clients, did, terminal } = world();
  terminal.watched(true);
  await settled();
  clients[0]?.ended({ reason: "exited" });
  terminal.watched(false);
  virtual.advance(60_000);
  await settled();
  expect(did).toEqual(["attach $3 at 0"]);
});

test("what is held stays held under the next client", async () => {
  const { virtual, clients, did, terminal } = world();
  terminal.watched(true);
  await settled();
  terminal.pause();
  clients[0]?.ended({ reason: "exited" });
  virtual.advance(100);
  await settled();
  expect(did).toEqual(["attach $3 at 0", "pause", "attach $3 at 100", "pause"]);
});

test("an id that tmux gave again, after its end, is another session: nobody attaches to it", async () => {
  const { virtual, tmux, clients, did, ends, terminal } = world();
  terminal.watched(true);
  await settled();
  tmux.created = "200";
  clients[0]?.ended({ reason: "exited" });
  virtual.advance(100);
  await settled();
  expect(ends).toEqual([{ reason: "exited" }]);
  virtual.advance(60_000);
  await settled();
  expect(did).toEqual(["attach $3 at 0"]);
});

test("a client that tmux moved to another session, because its own was ended, is taken back", async () => {
  const { virtual, tmux, did, ends, terminal } = world();
  terminal.watched(true);
  await settled();
  tmux.created = "";
  virtual.advance(1_000);
  await settled();
  expect(did).toEqual(["attach $3 at 0", "kill"]);
  expect(ends).toEqual([{ reason: "exited" }]);
  expect(terminal.streaming).toBe(false);
});
