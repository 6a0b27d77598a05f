/** One HostRelay in workerd, and the sockets to it: a host that behaves, and strict viewers. */
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { makeId } from "@maestro/shared/ids";
import type { HostClaim } from "@maestro/shared/protocol/link-auth";
import type { SessionInfo } from "@maestro/shared/protocol/session";
import type { HostRelay } from "../../../control-plane/src/objects/host-relay.ts";
import { FakeHost } from "./fake-host.ts";
import { FakeViewer } from "./fake-viewer.ts";
import { helloOf } from "./host-words.ts";
import { FrameSocket } from "./relay-frames.ts";
import { evict, kill } from "./object-life.ts";

const random = (bytes: number): Uint8Array => crypto.getRandomValues(new Uint8Array(bytes));
const nonce = (): string => [...random(16)].map((byte) => byte.toString(16).padStart(2, "0")).join("");

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
    evict: () => evict(stubNow()),
    kill: () => kill(stubNow()),
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
