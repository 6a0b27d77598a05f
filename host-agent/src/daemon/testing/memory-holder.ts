/** A holder in memory for tests of the link: the port's promises, kept, without processes. */
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { RING_BYTES } from "@maestro/shared/limits";
import type { SessionInfo } from "@maestro/shared/protocol/session";
import { err, ok } from "@maestro/shared/result";
import type { HolderClient } from "../../holder/client.ts";
import { chooseName } from "../../holder/holder-names.ts";
import type { CreateSpec, HolderEvents } from "../../holder/types.ts";
import type { OpenHolder } from "../holder-keeper.ts";

interface Session {
  info: SessionInfo;
  epoch: number;
  /** Everything ever put out; `lost` is where the ring begins. */
  bytes: Buffer;
  lost: number;
  sub: { cursor: number; upTo: number } | undefined;
  hold: number | undefined;
}

const CHUNK = 4096;

/** Survives its connections, as the real one does. */
export class MemoryHolder {
  readonly sessions = new Map<string, Session>();
  readonly created: CreateSpec[] = [];
  readonly inputs: { session: string; bytes: Buffer }[] = [];
  readonly killed: { session: string; force: boolean }[] = [];
  readonly resizes: { session: string; cols: number; rows: number }[] = [];
  snapshotsAsked = 0;
  /** Why no screen can be taken, when none can. */
  screenless: MaestroError | undefined;
  readonly unsubscribed: string[] = [];
  screen = Buffer.from("SCREEN");
  /** Not to be reached again after `drop`. */
  away = false;
  /** Why no input is taken, when none is. */
  refuses: MaestroError | undefined;
  /** Echo input as output. */
  echo = true;
  #events: HolderEvents | undefined;

  readonly open: OpenHolder = async (events) => {
    if (this.away) return err(maestroError("not_running", "Away for the test."));
    this.#events = events;
    for (const session of this.sessions.values()) session.sub = undefined;
    return ok(this.#client());
  };

  get connected(): boolean {
    return this.#events !== undefined;
  }

  /** The connection breaks. */
  drop(): void {
    const events = this.#events;
    this.#events = undefined;
    events?.closed("dropped by the test");
  }

  add(id: string, name = id, agent?: string): Session {
    const info: SessionInfo = {
      id,
      name,
      backend: "echo",
      title: "",
      cwd: "/",
      command: "echo",
      cols: 80,
      rows: 24,
      createdMs: Date.now(),
      lastActivityMs: Date.now(),
      epoch: 1,
      ...(agent === undefined ? {} : { agent }),
    };
    const session: Session = { info, epoch: 1, bytes: Buffer.alloc(0), lost: 0, sub: undefined, hold: undefined };
    this.sessions.set(id, session);
    this.#events?.sessions({ upsert: [info], removed: [] });
    return session;
  }

  /** The session's program writes. */
  produce(id: string, bytes: Uint8Array): void {
    const session = this.sessions.get(id);
    if (session === undefined) throw new Error(`no session ${id}`);
    session.bytes = Buffer.concat([session.bytes, bytes]);
    session.lost = Math.max(session.lost, session.bytes.byteLength - RING_BYTES);
    this.#pump(id, session);
  }

  restartEpoch(id: string): void {
    const session = this.sessions.get(id);
    if (session === undefined) throw new Error(`no session ${id}`);
    session.epoch += 1;
    session.bytes = Buffer.alloc(0);
    session.lost = 0;
    if (session.sub !== undefined) session.sub = { cursor: 0, upTo: session.sub.upTo };
    this.#events?.epoch({ session: id, epoch: session.epoch, offset: 0 });
  }

  #pump(id: string, session: Session): void {
    const { sub } = session;
    if (sub === undefined) return;
    if (sub.cursor < session.lost) {
      const from = sub.cursor;
      sub.cursor = session.lost;
      this.#events?.gap({ session: id, epoch: session.epoch, from, to: session.lost });
    }
    while (sub.cursor < Math.min(sub.upTo, session.bytes.byteLength)) {
      const to = Math.min(sub.cursor + CHUNK, sub.upTo, session.bytes.byteLength);
      const offset = sub.cursor;
      sub.cursor = to;
      this.#events?.output({ session: id, epoch: session.epoch, offset, replay: false, bytes: session.bytes.subarray(offset, to) });
    }
  }

  #client(): HolderClient {
    const find = (id: string) => this.sessions.get(id);
    const missing = (id: string) => err(maestroError("session_not_found", `No session ${id}.`));
    return {
      facts: { version: 1, pid: process.pid, instance: "memory", startedMs: 0, tmux: "tmux 3.3a", pty: true, warnings: [] },
      refreshFacts: async () => ok(this.#client().facts),
      list: async () => ok([...this.sessions.values()].map(({ info }) => info)),
      create: async (spec) => {
        this.created.push(spec);
        if (this.sessions.has(spec.id)) return err(maestroError("session_exists", "It exists."));
        const taken = new Set([...this.sessions.values()].map(({ info }) => info.name));
        return ok(this.add(spec.id, chooseName(spec, taken), spec.agent).info);
      },
      kill: async (session, force = false) => {
        const found = find(session);
        if (found === undefined) return missing(session);
        this.killed.push({ session, force });
        // Told later, as the real one does.
        found.info = { ...found.info, end: { reason: "killed", atMs: Date.now() } };
        return ok(true);
      },
      forget: async (id) => {
        this.sessions.delete(id);
        this.#events?.sessions({ upsert: [], removed: [id] });
        return ok(true);
      },
      screen: async (id) => {
        const session = find(id);
        return session === undefined
          ? missing(id)
          : ok({ epoch: session.epoch, offset: session.bytes.byteLength, bytes: this.screen, cols: 80, rows: 24 });
      },
      input: (id, bytes) => {
        if (this.refuses !== undefined) {
          this.#events?.inputRefused({ session: id, error: this.refuses });
          return true;
        }
        this.inputs.push({ session: id, bytes: Buffer.from(bytes) });
        if (this.echo) this.produce(id, bytes);
        return true;
      },
      send: async (id, bytes) => {
        if (find(id) === undefined) return missing(id);
        this.inputs.push({ session: id, bytes: Buffer.from(bytes) });
        return ok(bytes.byteLength);
      },
      resize: async (session, cols, rows) => {
        this.resizes.push({ session, cols, rows });
        return ok({ cols, rows });
      },
      subscribe: async (id, { from, credit }) => {
        const session = find(id);
        if (session === undefined) return missing(id);
        const resumed =
          from !== undefined && from.epoch === session.epoch && from.offset >= session.lost && from.offset <= session.bytes.byteLength;
        const offset = resumed ? from.offset : session.bytes.byteLength;
        session.sub = { cursor: offset, upTo: offset + credit };
        queueMicrotask(() => this.#pump(id, session));
        return ok({ epoch: session.epoch, offset, resumed, session: session.info });
      },
      grant: (id, { epoch, upTo }) => {
        const session = find(id);
        if (session?.sub === undefined || epoch !== session.epoch) return;
        session.sub.upTo = Math.max(session.sub.upTo, upTo);
        this.#pump(id, session);
      },
      unsubscribe: (id) => {
        this.unsubscribed.push(id);
        const session = find(id);
        if (session !== undefined) session.sub = undefined;
      },
      snapshot: async (id, { lines, viewer }) => {
        this.snapshotsAsked += 1;
        if (this.screenless !== undefined) return err(this.screenless);
        const session = find(id);
        if (session === undefined) return missing(id);
        const offset = session.sub?.cursor ?? session.bytes.byteLength;
        this.#events?.snapshot({ session: id, epoch: session.epoch, offset, cols: 80, rows: 24, lines, viewer, bytes: this.screen });
        return ok({ epoch: session.epoch, offset });
      },
      need: (id, { epoch, from, to }) => {
        const session = find(id);
        if (session === undefined || epoch !== session.epoch) return;
        if (from < session.lost) return this.#events?.gap({ session: id, epoch, from, to: session.lost });
        for (let at = from; at < to; at += CHUNK) {
          this.#events?.output({
            session: id,
            epoch,
            offset: at,
            replay: true,
            bytes: session.bytes.subarray(at, Math.min(to, at + CHUNK)),
          });
        }
      },
      hold: (id, ms) => {
        const session = find(id);
        if (session !== undefined) session.hold = ms;
      },
      stop: async () => ok(true),
      close: () => {
        const events = this.#events;
        this.#events = undefined;
        events?.closed("closed");
      },
    };
  }
}
