/** The host's one link: `run()` holds the policy around the fallible `#tryConnect()` [LK5]. */
import { REQUEST_TIMEOUT_MS } from "@maestro/shared/limits";
import { CLOSE } from "@maestro/shared/protocol/close-codes";
import type { HostFrame } from "@maestro/shared/protocol/link";
import { VERSIONS } from "@maestro/shared/protocol/version";
import { deadlineMs, noCancel, pause, type Cancel, type Clock } from "../daemon/clock.ts";
import type { HostKeys } from "../daemon/host-keys.ts";
import type { Log } from "../daemon/log.ts";
import type { Terminals } from "../terminal/terminals.ts";
import { hostAuthorization, type Claimant } from "./authorization.ts";
import { Connection } from "./connection.ts";
import type { HostActions, HostTasks } from "./dispatch.ts";
import { decideRedial, freshRedial, type Outcome } from "./redial.ts";
import type { ServerTime } from "./server-time.ts";
import { openSocket } from "./socket.ts";

export type LinkState =
  | { type: "idle" }
  | { type: "dialling" }
  | { type: "greeting" }
  | { type: "up"; sinceMs: number }
  /** Redials by itself at `untilMs` (monotonic). */
  | { type: "waiting"; untilMs: number; why: string }
  /** Redials when credentials or version change, else at `untilMs`. */
  | { type: "blocked"; untilMs: number; why: string };

export interface LinkTarget {
  url: URL;
  pin: string | undefined;
  claimant: Claimant;
}

export interface LinkDeps {
  /** Read at every attempt: joining again changes it under a running daemon. */
  target(): LinkTarget;
  keys: HostKeys;
  serverTime: ServerTime;
  /** [LK2] Persisted start counter; the connect counter is counted here. */
  start: number;
  clock: Clock;
  timeScale: number;
  random(): number;
  log: Log;
  actions: HostActions;
  tasks: HostTasks;
  terminals: Terminals;
  hello(): HostFrame[];
  /** Frames that follow a welcome. */
  afterWelcome(): HostFrame[];
  /** Resolves when something that could lift a refusal changed, when `ms` passed, or on abort. */
  changed(ms: number, signal: AbortSignal): Promise<void>;
  stateChanged(state: LinkState): void;
}

export const LINK_PATH = "/api/v1/hosts/self/link";
/** A stopping daemon waits this long for its close to be answered. */
const FAREWELL_MS = 1_000;

export class Link {
  readonly #deps: LinkDeps;
  #state: LinkState = { type: "idle" };
  #connection: Connection | undefined;
  #connects = 0;
  #wake: AbortController | undefined;

  constructor(deps: LinkDeps) {
    this.#deps = deps;
  }

  get state(): LinkState {
    return this.#state;
  }

  /** [LK2] For the host's HTTP calls as well: they belong to the same process instance. */
  get epoch(): { start: number; connect: number } {
    return { start: this.#deps.start, connect: this.#connects };
  }

  /** Dropped when there is no link: whatever matters is restated by `hello` and what follows a welcome. */
  send(frame: HostFrame): void {
    this.#connection?.send(frame);
  }

  /** Ends a wait: something changed. */
  retryNow(): void {
    this.#wake?.abort();
  }

  /** Until aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, timeScale, random, log } = this.#deps;
    let redial = freshRedial;
    while (!signal.aborted) {
      const outcome = await this.#tryConnect(signal);
      const corrected = outcome.type === "refused" && this.#correct(outcome);
      const decision = decideRedial(redial, outcome, corrected, random(), timeScale);
      switch (decision.type) {
        case "stop":
          this.#become({ type: "idle" });
          return;
        case "after":
          redial = decision.state;
          log.info("the link is down", { why: describe(outcome), redialMs: Math.round(decision.ms) });
          this.#become({ type: "waiting", untilMs: clock.monotonicMs() + decision.ms, why: describe(outcome) });
          await this.#rest(decision.ms, signal, false);
          break;
        case "wait":
          redial = decision.state;
          log.warn("the control plane refuses this host; waiting for a change", { why: describe(outcome) });
          this.#become({ type: "blocked", untilMs: clock.monotonicMs() + decision.ms, why: decision.why });
          await this.#rest(decision.ms, signal, true);
          break;
      }
    }
  }

  async #tryConnect(signal: AbortSignal): Promise<Outcome> {
    const { keys, serverTime, clock, timeScale, log, actions, tasks, terminals } = this.#deps;
    const { url, pin, claimant } = this.#deps.target();
    this.#connects += 1;
    this.#become({ type: "dialling" });
    const authorization = hostAuthorization(claimant, {
      key: keys.active,
      epoch: this.epoch,
      timeMs: serverTime.nowMs(),
      method: "GET",
      path: LINK_PATH,
    });
    const ended = Promise.withResolvers<{ code: number; reason: string }>();
    const opened = await openSocket({
      url,
      ...(pin === undefined ? {} : { pin }),
      path: LINK_PATH,
      headers: { authorization },
      timeoutMs: deadlineMs(REQUEST_TIMEOUT_MS, timeScale),
      signal,
      events: {
        text: (text) => this.#connection?.text(text),
        binary: (bytes) => this.#connection?.binary(bytes),
        drained: () => this.#connection?.drained(),
        closed: (code, reason) => ended.resolve({ code, reason }),
      },
    });
    if (signal.aborted) {
      if (opened.type === "open") opened.socket.terminate();
      return { type: "stopped" };
    }
    if (opened.type !== "open") return opened;
    this.#become({ type: "greeting" });
    const openedMs = clock.monotonicMs();
    const connection = new Connection(opened.socket, {
      clock,
      timeScale,
      log,
      actions,
      tasks,
      terminals,
      hello: this.#deps.hello(),
      up: () => {
        this.#become({ type: "up", sinceMs: clock.monotonicMs() });
        for (const frame of this.#deps.afterWelcome()) connection.send(frame);
      },
    });
    this.#connection = connection;
    let cancelFarewell = noCancel;
    const stop = () => {
      cancelFarewell = this.#farewell(connection, opened.socket);
    };
    signal.addEventListener("abort", stop, { once: true });
    const { code, reason } = await ended.promise;
    signal.removeEventListener("abort", stop);
    cancelFarewell();
    this.#connection = undefined;
    const { unknown } = connection.end();
    if (unknown > 0) log.info("frames of a newer control plane were ignored", { frames: unknown });
    if (signal.aborted) return { type: "stopped" };
    return { type: "closed", code, reason, openMs: clock.monotonicMs() - openedMs };
  }

  /** Going away politely, but not at the mercy of a peer that never answers the close. */
  #farewell(connection: Connection, socket: { terminate(): void }): Cancel {
    connection.close(CLOSE.goingAway, "the host-agent stops");
    return this.#deps.clock.after(FAREWELL_MS, () => socket.terminate());
  }

  #correct(outcome: Extract<Outcome, { type: "refused" }>): boolean {
    if (this.#deps.serverTime.learnFrom(outcome.error)) {
      this.#deps.log.warn("this machine's clock differs from the control plane's; its offset is used", {
        offsetMs: this.#deps.serverTime.offsetMs(),
      });
      return true;
    }
    const keyRefused = outcome.error.code === "signature_invalid" || outcome.error.code === "host_unknown";
    return keyRefused && this.#deps.keys.switch();
  }

  async #rest(ms: number, signal: AbortSignal, untilChange: boolean): Promise<void> {
    const wake = new AbortController();
    this.#wake = wake;
    const either = AbortSignal.any([signal, wake.signal]);
    if (untilChange) await this.#deps.changed(ms, either);
    else if (ms > 0) await pause(this.#deps.clock, ms, either);
    this.#wake = undefined;
  }

  #become(state: LinkState): void {
    this.#state = state;
    this.#deps.stateChanged(state);
  }
}

function describe(outcome: Outcome): string {
  switch (outcome.type) {
    case "closed":
      return `closed ${outcome.code}${outcome.reason === "" ? "" : ` ${outcome.reason}`}${outcome.code === CLOSE.upgradeRequired ? `: ${whichToUpgrade(outcome.reason)}` : ""}`;
    case "refused":
      return `${outcome.error.code}: ${outcome.error.detail}`;
    case "unreachable":
      return outcome.error.detail;
    case "stopped":
      return "stopped";
  }
}

/** @param reason names the range the far end speaks, as in `upgrade_required 2-3`. */
function whichToUpgrade(reason: string): string {
  const [, min, max] = / (\d+)-(\d+)$/.exec(reason) ?? [];
  const ours = `this host speaks ${VERSIONS.min}-${VERSIONS.max}`;
  return Number(min) > VERSIONS.max || max === undefined
    ? `${ours}; upgrade maestro on this machine with the server's /install.sh`
    : `${ours}; upgrade the control plane`;
}
