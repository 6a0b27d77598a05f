/**
 * Many hosts in one process: each has its own key and its own row, and is the host-agent's own `Link`, so that
 * redial policy, epochs and signatures are the real ones. Only what a link serves (sessions) is missing.
 */
import { randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { maestroError } from "@maestro/shared/errors";
import { makeId } from "@maestro/shared/ids";
import { CLOSE } from "@maestro/shared/protocol/close-codes";
import { err } from "@maestro/shared/result";
import { systemClock } from "../../host-agent/src/daemon/clock.ts";
import { helloFacts } from "../../host-agent/src/daemon/facts.ts";
import { HostKeys } from "../../host-agent/src/daemon/host-keys.ts";
import { generateSealingKey, generateSigningKey, type KeyPair } from "../../host-agent/src/daemon/identity.ts";
import { silentLog } from "../../host-agent/src/daemon/log.ts";
import type { HostActions, HostTasks } from "../../host-agent/src/link/dispatch.ts";
import { helloFrames } from "../../host-agent/src/link/hello.ts";
import { Link } from "../../host-agent/src/link/link.ts";
import { ServerTime } from "../../host-agent/src/link/server-time.ts";
import { Terminals } from "../../host-agent/src/terminal/terminals.ts";
import type { TestHome } from "./home.ts";

export interface Enrolled {
  id: string;
  name: string;
  signing: KeyPair;
}

/**
 * Rows of hosts that joined, written while the control plane is stopped: joining is limited to a few a minute,
 * and not what is tested. Fleet and sealing key are those of the first host.
 */
export function enrolInto(home: TestHome, count: number): Enrolled[] {
  const folder = join(home.path, "control-plane", "state", "d1", "miniflare-D1DatabaseObject");
  const file = readdirSync(folder).find((name) => name.endsWith(".sqlite") && name !== "metadata.sqlite");
  if (file === undefined) throw new Error(`no database in ${folder}`);
  const db = new DatabaseSync(join(folder, file));
  try {
    const insert = db.prepare(
      `insert into hosts (id, fleet, name, transport, labels, signing_key, sealing_key, created_ms, updated_ms)
       select ?, fleet, ?, 'link', '{}', ?, ?, ?, ? from hosts order by created_ms limit 1`,
    );
    return Array.from({ length: count }, (_, n) => {
      const nowMs = Date.now();
      const host = { id: makeId("host", nowMs, randomBytes(10)), name: `sim-${String(n).padStart(3, "0")}`, signing: generateSigningKey() };
      const { changes } = insert.run(host.id, host.name, host.signing.public, generateSealingKey().public, nowMs, nowMs);
      if (changes !== 1) throw new Error("there is no first host whose fleet the others join");
      return host;
    });
  } finally {
    db.close();
  }
}

export interface SimulatedHost {
  name: string;
  link: Link;
  /** Welcomes so far. */
  ups: number;
  /** How often a link of its own was told that a newer one took over. */
  superseded: number;
  stop(): Promise<void>;
}

export function startHost({ id, name, signing }: Enrolled, url: string, random: () => number): SimulatedHost {
  const clock = systemClock;
  const serverTime = new ServerTime(clock);
  const instance = randomBytes(12).toString("base64url");
  const abort = new AbortController();
  const facts = helloFacts({
    agentVersion: "0.0.0-simulated",
    instance,
    bootId: "boot",
    policyDigest: "",
    roots: [],
    maxConcurrent: 1,
    holder: undefined,
    searchPath: "",
    degraded: [],
  });
  const link = new Link({
    target: () => ({ url: new URL(url), pin: undefined, claimant: { hostId: id, origin: url, instance, bootId: "boot" } }),
    keys: new HostKeys(signing, undefined),
    serverTime,
    start: Date.now(),
    clock,
    timeScale: 1,
    random,
    log: silentLog,
    actions: refusing((serverTimeMs) => {
      serverTime.learn(serverTimeMs);
      host.ups++;
    }),
    tasks: withoutTasks,
    terminals: new Terminals({ clock, log: silentLog }),
    hello: () => helloFrames(facts, [], serverTime.offsetMs()),
    afterWelcome: () => [],
    changed: (ms, signal) =>
      new Promise((resolve) => {
        const timer = setTimeout(resolve, ms);
        signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
      }),
    stateChanged: (state) => {
      if ("why" in state && state.why.startsWith(`closed ${CLOSE.superseded}`)) host.superseded++;
    },
  });
  const running = link.run(abort.signal);
  const host: SimulatedHost = {
    name,
    link,
    ups: 0,
    superseded: 0,
    async stop() {
      abort.abort();
      await running;
    },
  };
  return host;
}

const no = async () => err(maestroError("policy_denied", "A simulated host runs nothing."));

const withoutTasks: HostTasks = {
  offer: no,
  start: no,
  cancel: no,
  cleanup: no,
  ack: () => undefined,
  secrets: () => undefined,
  reports: () => [{ t: "attempts", items: [], first: true, more: false }],
  logDurable: () => undefined,
  logNeed: () => undefined,
  logFollow: () => undefined,
  linkUp: () => undefined,
  linkDown: () => undefined,
  seen: () => undefined,
  drained: () => undefined,
};

/** It serves nothing; every request is refused in the contract's own words. */
function refusing(welcomed: (serverTimeMs: number) => void): HostActions {
  return {
    createSession: no,
    startAgent: no,
    killSession: no,
    readScreen: no,
    refuseWatch: () => undefined,
    sendInput: no,
    ensureWorkspace: no,
    resetWorkspace: no,
    detect: no,
    checkHost: no,
    readFiles: no,
    listSshConfig: no,
    welcome: ({ serverTimeMs }) => welcomed(serverTimeMs),
    registry: () => undefined,
    drain: () => undefined,
  };
}
