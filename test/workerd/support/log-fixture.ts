/** One AttemptLog in workerd, and who follows it. */
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { makeId } from "@maestro/shared/ids";
import type { AttemptLog } from "../../../control-plane/src/objects/attempt-log.ts";
import { LogWord, readLogMessage } from "../../../control-plane/src/objects/attempt-log/context.ts";
import type { LogLimits } from "../../../control-plane/src/domain/logs/log-limits.ts";
import { socketOf } from "./relay-fixture.ts";
import { evict, kill } from "./object-life.ts";

const random = (bytes: number): Uint8Array => crypto.getRandomValues(new Uint8Array(bytes));

export interface LogFixture {
  fleet: string;
  host: string;
  attempt: string;
  readonly stub: DurableObjectStub<AttemptLog>;
  evict(): Promise<void>;
  /** The process that held it is gone, with everything in its memory and all its sockets. */
  kill(): Promise<void>;
  inside<T>(look: (log: AttemptLog, state: DurableObjectState) => T | Promise<T>): Promise<T>;
  /** For this life of the object. */
  limit(limits: Partial<LogLimits>): Promise<void>;
  /** What readers get, and what of it is left out. */
  whole(from?: number): Promise<{ text: string; gaps: [number, number][] }>;
  follow(offset?: number, more?: object): Promise<LogFollower>;
  upgrade(offset: number, more?: object): Promise<Response>;
}

export function logFixture(place: { fleet?: string; host?: string; attempt?: string } = {}): LogFixture {
  const fleet = place.fleet ?? makeId("fleet", Date.now(), random(10));
  const host = place.host ?? makeId("host", Date.now(), random(10));
  const attempt = place.attempt ?? makeId("attempt", Date.now(), random(10));
  const stubNow = () => env.ATTEMPT_LOG.getByName(`${fleet}/${attempt}`);
  const upgrade: LogFixture["upgrade"] = (offset, more = {}) =>
    stubNow().fetch("https://log.test/", {
      headers: {
        upgrade: "websocket",
        "x-maestro-context": JSON.stringify({
          kind: "log",
          fleet,
          host,
          attempt,
          credential: "tok_ada",
          requestId: "req_test",
          offset,
          ...more,
        }),
      },
    });
  return {
    fleet,
    host,
    attempt,
    get stub() {
      return stubNow();
    },
    evict: () => evict(stubNow()),
    kill: () => kill(stubNow()),
    inside: (look) => runInDurableObject(stubNow(), look),
    limit: (limits) =>
      runInDurableObject(stubNow(), (log) => {
        log.limits = { ...log.limits, ...limits };
      }),
    async whole(from = 0) {
      let text = "";
      const gaps: [number, number][] = [];
      for (let at = from; ;) {
        const { offset, bytes } = await stubNow().read(at, 1 << 20);
        if (bytes.byteLength === 0) return { text, gaps };
        if (offset > at) gaps.push([at, offset]);
        text += String.fromCharCode(...bytes);
        at = offset + bytes.byteLength;
      }
    },
    upgrade,
    follow: async (offset = 0, more = {}) => new LogFollower(socketOf(await upgrade(offset, more)), offset),
  };
}

/** The Worker's end of a follower's socket: drops what comes twice, fails on a hole, acknowledges unless it is stalled. */
export class LogFollower {
  text = "";
  at: number;
  gaps: [number, number][] = [];
  problem: string | undefined;
  stalled = false;
  /** Everything that came, twice or not. */
  came = 0;
  readonly socket: WebSocket;
  readonly closed: Promise<{ code: number }>;
  readonly ended: Promise<Extract<LogWord, { t: "end" }>>;
  #looks = new Set<() => void>();

  constructor(socket: WebSocket, at: number) {
    this.socket = socket;
    this.at = at;
    this.closed = new Promise((resolve) => socket.addEventListener("close", ({ code }) => resolve({ code })));
    this.ended = new Promise((resolve) =>
      socket.addEventListener("message", ({ data }) => {
        this.#take(data, resolve);
        for (const look of [...this.#looks]) look();
      }),
    );
    socket.binaryType = "arraybuffer";
    socket.accept();
  }

  ack(): void {
    this.socket.send(JSON.stringify({ t: "ack", offset: this.at }));
  }

  async until(enough: () => boolean, what: string): Promise<void> {
    if (enough()) return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`never: ${what}; at ${this.at}`)), 15_000);
      const look = (): void => {
        if (!enough()) return;
        clearTimeout(timer);
        this.#looks.delete(look);
        resolve();
      };
      this.#looks.add(look);
    });
  }

  reaches(offset: number): Promise<void> {
    return this.until(() => this.at >= offset, `offset ${offset}`);
  }

  #take(data: unknown, ended: (end: Extract<LogWord, { t: "end" }>) => void): void {
    if (typeof data === "string") {
      const word = LogWord.parse(JSON.parse(data));
      if (word.t === "end") return ended(word);
      if (word.from !== this.at) this.problem = `left out from ${word.from}, at ${this.at}`;
      this.gaps.push([word.from, word.to]);
      this.at = word.to;
    } else if (data instanceof ArrayBuffer) {
      const { offset, bytes } = readLogMessage(data);
      this.came += bytes.byteLength;
      if (offset > this.at) this.problem = `a hole ${this.at}..${offset}`;
      const fresh = bytes.subarray(Math.max(0, this.at - offset));
      this.text += String.fromCharCode(...fresh);
      this.at += fresh.byteLength;
    }
    if (!this.stalled) this.ack();
  }
}

export const bytesOf = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));

export async function sha256Of(text: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytesOf(text)));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
