/** One HostRelay in workerd with a far side over real sockets: a host that behaves, and strict viewers. */
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { makeId } from "@maestro/shared/ids";
import { advance, type Cursor } from "@maestro/shared/protocol/cursor";
import { FLAG, type Frame } from "@maestro/shared/protocol/frame";
import type { HostClaim } from "@maestro/shared/protocol/link-auth";
import type { SessionInfo } from "@maestro/shared/protocol/session";
import type { HostRelay } from "../../../control-plane/src/objects/host-relay.ts";
import { FrameSocket, type Text } from "./relay-frames.ts";

const random = (bytes: number): Uint8Array => crypto.getRandomValues(new Uint8Array(bytes));
const nonce = (): string => [...random(16)].map((byte) => byte.toString(16).padStart(2, "0")).join("");

const KILLED = "killed by a test";

export interface RelayFixture {
  fleet: string;
  host: string;
  readonly stub: DurableObjectStub<HostRelay>;
  /** The object is taken out of memory; sockets stay. */
  evict(): Promise<void>;
  /** The process that held it is killed: its sockets are gone, and no close of theirs is ever told. */
  kill(): Promise<void>;
  inside<T>(look: (relay: HostRelay, state: DurableObjectState) => T | Promise<T>): Promise<T>;
  /** The answer of an upgrade as a link. */
  dial(claim?: Partial<HostClaim>, more?: object): Promise<Response>;
  link(claim?: Partial<HostClaim>): Promise<FrameSocket>;
  /** A link that said hello and was welcomed. */
  host_(sessions: SessionInfo[], claim?: Partial<HostClaim>): Promise<FakeHost>;
  watch(session: string, more?: object): Promise<Response>;
  viewer(session: string, more?: object): Promise<FakeViewer>;
}

/** @param fleet for a host beside others. */
export function relayFixture(fleet: string = makeId("fleet", Date.now(), random(10))): RelayFixture {
  const host = makeId("host", Date.now(), random(10));
  // Each time anew: one that saw its object killed stays broken.
  const stubNow = () => env.HOST_RELAY.getByName(`${fleet}/${host}`);
  const upgrade = (context: object): Promise<Response> =>
    stubNow().fetch("https://relay.test/", {
      headers: { upgrade: "websocket", "sec-websocket-protocol": "maestro.v1", "x-maestro-context": JSON.stringify(context) },
    });
  let connect = 0;
  const claimOf = (claim: Partial<HostClaim>): HostClaim => ({
    id: host,
    epoch: { start: 1, connect: ++connect },
    instance: "instance-a",
    bootId: "boot-1",
    timeMs: Date.now(),
    nonce: nonce(),
    ...claim,
  });
  const dial: RelayFixture["dial"] = (claim = {}, more = {}) =>
    upgrade({
      kind: "link",
      fleet,
      host,
      hostName: "builder",
      requestId: "req_test",
      claim: claimOf(claim),
      draining: false,
      registryVersion: 3,
      ...more,
    });
  const watch: RelayFixture["watch"] = (session, more = {}) =>
    upgrade({
      kind: "viewer",
      fleet,
      host,
      hostName: "builder",
      requestId: "req_test",
      session,
      credential: "tok_owner",
      name: "ada",
      canWrite: true,
      ...more,
    });
  const fixture: RelayFixture = {
    fleet,
    host,
    get stub() {
      return stubNow();
    },
    evict: () =>
      evictDurableObject(stubNow()).catch((error: unknown) => {
        // It went to sleep by itself, which is as good.
        if (!(error instanceof Error && error.message.includes("not currently running"))) throw error;
      }),
    kill: () =>
      runInDurableObject(stubNow(), (_relay, state) => state.abort(KILLED)).then(
        () => undefined,
        (error: unknown) => {
          if (!(error instanceof Error && error.message.includes(KILLED))) throw error;
        },
      ),
    inside: (look) => runInDurableObject(stubNow(), look),
    dial,
    link: async (claim) => new FrameSocket(socketOf(await dial(claim))),
    async host_(sessions, claim = {}) {
      const link = new FakeHost(socketOf(await dial(claim)), sessions);
      link.say(helloOf(claim.instance ?? "instance-a", sessions));
      await link.next("welcome");
      return link;
    },
    watch,
    viewer: async (session, more) => new FakeViewer(socketOf(await watch(session, more))),
  };
  return fixture;
}

export function socketOf(response: Response): WebSocket {
  if (response.webSocket === null) throw new Error(`no upgrade: ${response.status}`);
  return response.webSocket;
}

export const helloOf = (instance: string, sessions: SessionInfo[], more = false): Text => ({
  t: "hello",
  versions: { min: 1, max: 1 },
  agentVersion: "0.1.0",
  instance,
  bootId: "boot-1",
  platform: { os: "linux", arch: "x64", release: "6", hostname: "box", node: "24", cpus: 2, memoryBytes: 1 },
  capabilities: [],
  policyDigest: "",
  roots: ["/tmp"],
  sessions,
  more,
});

export function sessionInfo(more: Partial<SessionInfo> = {}): SessionInfo {
  return {
    id: makeId("session", Date.now(), random(10)),
    name: "work",
    backend: "pty",
    title: "",
    cwd: "/tmp",
    command: "sh",
    cols: 80,
    rows: 24,
    createdMs: Date.now(),
    lastActivityMs: Date.now(),
    epoch: 1,
    ...more,
  };
}

export const byteAt = (offset: number): number => (Math.imul(offset, 2654435761) >>> 13) & 0xff;
export const bytesOf = (from: number, to: number): Uint8Array => Uint8Array.from({ length: to - from }, (_, i) => byteAt(from + i));

/** A host-agent's link as the relay sees it: answers every request, keeps a ring, obeys its credit. */
export class FakeHost extends FrameSocket {
  head = 0;
  ringStart = 0;
  readonly channels = new Map<number, { session: string; sent: number; acked: number }>();
  readonly inputs: { session: string; text: string }[] = [];
  readonly asked: Text[] = [];
  /** Requests of these types stay unanswered. */
  readonly silent = new Set<string>();
  /** What other requests are answered with; an answer with `code` is a refusal. */
  readonly answers = new Map<string, (frame: Text) => object>();
  readonly sessions: SessionInfo[];
  #nextChannel = 7;

  constructor(socket: WebSocket, sessions: SessionInfo[]) {
    super(socket);
    this.sessions = sessions;
    socket.addEventListener("message", ({ data }) => {
      if (typeof data === "string" && data.startsWith("{")) this.#onText(JSON.parse(data) as Text);
      else if (data instanceof ArrayBuffer) {
        const channel = this.channels.get(new DataView(data).getUint32(4));
        if (channel !== undefined) this.inputs.push({ session: channel.session, text: new TextDecoder().decode(data.slice(16)) });
      }
    });
  }

  /** The program writes this much, and whoever watches gets what credit allows. */
  write(bytes: number): void {
    this.head += bytes;
    this.pump();
  }

  pump(): void {
    for (const [channel, at] of this.channels) {
      const end = Math.min(this.head, at.acked + 256 * 1024);
      for (; at.sent < end;) {
        const to = Math.min(end, at.sent + 64 * 1024);
        this.data("output", bytesOf(at.sent, to), { channel, offset: at.sent });
        at.sent = to;
      }
    }
  }

  #onText(frame: Text): void {
    this.asked.push(frame);
    if (this.silent.has(frame.t)) return;
    const channel = this.channels.get(Number(frame["channel"]));
    switch (frame.t) {
      case "watch": {
        const session = this.sessions.find(({ id }) => id === frame["session"]);
        if (session === undefined)
          return this.say({ t: "reply-error", id: frame["id"], error: { code: "session_not_found", detail: "No such session." } });
        const from = frame["from"] as Cursor | undefined;
        const resumed = from !== undefined && from.offset >= this.ringStart && from.offset <= this.head;
        const offset = resumed ? from.offset : this.head;
        const number = this.#nextChannel++;
        this.channels.set(number, { session: session.id, sent: offset, acked: offset });
        this.say({ t: "reply", id: frame["id"], value: { channel: number, epoch: 1, offset, resumed, session } });
        return this.pump();
      }
      case "unwatch":
        this.channels.delete(Number(frame["channel"]));
        return;
      case "ack":
        if (channel !== undefined) channel.acked = Math.max(channel.acked, Number(frame["offset"]));
        return this.pump();
      case "want-snapshot": {
        if (channel === undefined) return;
        const screen = new TextEncoder().encode(`screen@${channel.sent}`);
        this.say({
          t: "snapshot",
          channel: frame["channel"],
          epoch: 1,
          offset: channel.sent,
          bytes: screen.byteLength,
          cols: 80,
          rows: 24,
          lines: frame["lines"],
          ...(frame["viewer"] === undefined ? {} : { viewer: frame["viewer"] }),
        });
        return this.data("snapshot", screen, { channel: Number(frame["channel"]), offset: channel.sent, flags: FLAG.last });
      }
      case "need": {
        const from = Number(frame["from"]);
        const to = Math.min(Number(frame["to"]), this.head);
        if (from < this.ringStart) return this.say({ t: "gap", channel: frame["channel"], epoch: 1, from, to: this.ringStart });
        return this.data("output", bytesOf(from, to), { channel: Number(frame["channel"]), offset: from, flags: FLAG.replay });
      }
      case "sync":
        return this.say({
          t: "host-sync",
          channels: [...this.channels].map(([number, at]) => ({
            channel: number,
            session: at.session,
            epoch: 1,
            sent: at.sent,
            acked: at.acked,
          })),
        });
      default: {
        const value = this.answers.get(frame.t)?.(frame);
        if (value === undefined) return;
        return this.say("code" in value ? { t: "reply-error", id: frame["id"], error: value } : { t: "reply", id: frame["id"], value });
      }
    }
  }
}

/** A viewer that folds what it gets into what it shows, and fails on a hole or a wrong byte. */
export class FakeViewer extends FrameSocket {
  cursor: Cursor | undefined;
  screen = "";
  /** Bytes shown since the last screen. */
  shown = 0;
  problem: string | undefined;
  /** Confirms nothing while set. */
  stalled = false;
  #left = 0;
  #at: Cursor | undefined;

  constructor(socket: WebSocket) {
    super(socket);
    socket.addEventListener("message", ({ data }) => {
      if (typeof data === "string" && data.startsWith("{")) this.#onText(JSON.parse(data) as Text);
      else if (data instanceof ArrayBuffer) this.#fold();
    });
  }

  async hello(more: object = {}): Promise<Text> {
    this.say({ t: "hello", versions: { min: 1, max: 1 }, ...more });
    return this.next("welcome");
  }

  async reaches(offset: number): Promise<void> {
    await this.until(() => this.cursor?.offset === offset || this.problem !== undefined, `offset ${offset}, at ${this.cursor?.offset}`);
    if (this.problem !== undefined) throw new Error(this.problem);
  }

  ack(): void {
    if (this.cursor !== undefined) this.say({ t: "ack", ...this.cursor });
  }

  type(text: string): void {
    this.data("input", new TextEncoder().encode(text));
  }

  #fold(): void {
    const frame = this.frames.at(-1);
    if (frame === undefined) return;
    if (frame.kind === "snapshot") this.#foldScreen(frame);
    else this.#foldOutput(frame);
  }

  #foldScreen({ payload }: Frame): void {
    this.screen += new TextDecoder().decode(payload);
    this.#left -= payload.byteLength;
    if (this.#left !== 0 || this.#at === undefined) return;
    this.cursor = this.#at;
    this.#at = undefined;
    this.shown = 0;
    if (!this.stalled) this.ack();
  }

  #foldOutput({ epoch, offset, payload }: Frame): void {
    if (this.cursor === undefined || this.#at !== undefined) return;
    const step = advance(this.cursor, { epoch, offset, length: payload.byteLength });
    if (step.type === "gap") this.problem = `a hole ${step.from}..${step.to}`;
    if (step.type !== "take") return;
    for (let i = step.skip; i < payload.byteLength; i++) if (payload[i] !== byteAt(offset + i)) this.problem = `byte ${offset + i} differs`;
    this.shown += payload.byteLength - step.skip;
    this.cursor = step.next;
    if (!this.stalled) this.ack();
  }

  #onText(frame: Text): void {
    if (frame.t === "snapshot") {
      this.screen = "";
      this.#left = Number(frame["bytes"]);
      this.#at = { epoch: Number(frame["epoch"]), offset: Number(frame["offset"]) };
    } else if (frame.t === "resumed") this.cursor = { epoch: Number(frame["epoch"]), offset: Number(frame["offset"]) };
    else if (frame.t === "sync" && !this.stalled) this.ack();
  }
}
