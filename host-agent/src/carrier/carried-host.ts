/** One remote host: a link of its own while it can be reached, and what the control plane asks of it done there. */
import type { HostFrame } from "@maestro/shared/protocol/link";
import type { Result } from "@maestro/shared/result";
import { pause } from "../daemon/clock.ts";
import { HolderKeeper } from "../daemon/holder-keeper.ts";
import { HostKeys } from "../daemon/host-keys.ts";
import { helloFrames, inventoryFrames, sessionsFrames } from "../link/hello.ts";
import { Link } from "../link/link.ts";
import { ServerTime } from "../link/server-time.ts";
import { imageSource } from "../tasks/image-source.ts";
import { holderHooks } from "../terminal/holder-hooks.ts";
import { Terminals } from "../terminal/terminals.ts";
import type { CarriedHostDeps } from "./carried-host-deps.ts";
import { CarriedMachine } from "./carried-machine.ts";
import { carriedActions, carriedHello, carriedTasks, carriedTerminals, type CarriedLine } from "./carried-parts.ts";
import type { CarriedTerminals } from "./carried-terminals.ts";
import type { RemoteFacts } from "./hand.ts";

/** While it can be reached it is looked at so often; agent CLIs come and go by other hands. */
const LOOK_MS = 60_000;
const AGAIN_MS = 2_000;
const AGAIN_MAX_MS = 60_000;
/** Looks that failed in a row after which it counts as away. */
const AWAY_AFTER = 2;

export class CarriedHost {
  readonly #deps: CarriedHostDeps;
  readonly #machine: CarriedMachine;
  #link: Link | undefined;
  #draining = false;
  #again = new AbortController();

  constructor(deps: CarriedHostDeps) {
    this.#deps = deps;
    this.#machine = new CarriedMachine(deps);
  }

  /** Until aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, timeScale, log, carried } = this.#deps;
    let failures = 0;
    while (!signal.aborted) {
      this.#again = new AbortController();
      const reached = await this.#reach(signal);
      if (reached.ok) {
        failures = 0;
        log.info("a remote host is reached", { host: carried.name, address: carried.record.address });
        await this.#carry(reached.value, signal);
      } else {
        if (failures === 0) log.warn("a remote host cannot be reached", { host: carried.name, why: reached.error.detail });
        failures += 1;
      }
      const sooner = AbortSignal.any([signal, this.#again.signal]);
      await pause(clock, Math.min(AGAIN_MAX_MS, AGAIN_MS * 2 ** Math.min(failures, 5)) * timeScale, sooner);
    }
  }

  /** Somebody has seen to it: it is not waited for the next try. */
  async tryAgain(): Promise<void> {
    await this.#deps.forgive();
    this.#again.abort();
  }

  async #reach(signal: AbortSignal): Promise<Result<RemoteFacts>> {
    const looked = await this.#machine.look(signal);
    if (!looked.ok) return looked;
    const enrolled = await this.#deps.enrol(signal);
    return enrolled.ok ? looked : enrolled;
  }

  /** Until it is away, or nobody wants it any more. What runs there goes on. */
  async #carry(facts: RemoteFacts, signal: AbortSignal): Promise<void> {
    const away = new AbortController();
    const both = AbortSignal.any([signal, away.signal]);
    const { clock, timeScale, log, start, keys, target, openHolder, carried } = this.#deps;
    const serverTime = new ServerTime(clock);
    const line: CarriedLine = {
      deps: this.#deps,
      machine: this.#machine,
      facts: () => this.#machine.facts ?? facts,
      draining: () => this.#draining,
      drain: (draining) => void (this.#draining = draining),
      offsetMs: () => serverTime.offsetMs(),
      images: imageSource({
        target,
        key: () => keys.signing,
        epoch: () => this.#link?.epoch ?? { start, connect: 0 },
        serverTime,
        timeScale,
      }),
      send: (frame) => this.#link?.send(frame),
      signal: both,
    };
    const tasks = carriedTasks(line);
    const terminals = new Terminals({ clock, log });
    const hooks = holderHooks(terminals, (upsert, removed) => {
      for (const frame of sessionsFrames(upsert, removed, serverTime.offsetMs())) line.send(frame);
      if (upsert.some(({ end }) => end !== undefined)) void sessions.sweep();
    });
    const keeper: HolderKeeper = new HolderKeeper(openHolder, hooks, clock, log, carried.id);
    const sessions: CarriedTerminals = carriedTerminals(line, keeper, tasks.isolated);
    const holding = keeper.run(both);
    await keeper.tried;
    const link: Link = new Link({
      target,
      keys: new HostKeys(keys.signing, undefined),
      serverTime,
      start,
      clock,
      timeScale,
      random: Math.random,
      log,
      actions: carriedActions(line, {
        keeper,
        terminals: sessions,
        isolated: tasks.isolated,
        tellInventory: () => this.#tellInventory(),
        welcomed: (serverTimeMs) => serverTime.learn(serverTimeMs),
      }),
      tasks,
      terminals,
      hello: () => helloFrames(carriedHello(this.#deps, line.facts()), keeper.sessions, serverTime.offsetMs()),
      afterWelcome: () => [...this.#inventory, ...tasks.reports()],
      changed: (ms, stopped) => pause(clock, Math.min(ms, AGAIN_MAX_MS * timeScale), stopped),
      stateChanged: (state) => log.debug("the link of a remote host", { host: carried.name, state: state.type }),
    });
    this.#link = link;
    await this.#tellInventory();
    const looking = this.#untilAway(sessions, both).then(() => away.abort());
    await Promise.all([link.run(both), tasks.run(both), looking, holding]);
    this.#link = undefined;
    terminals.dispose();
  }

  async #untilAway(sessions: CarriedTerminals, signal: AbortSignal): Promise<void> {
    const { clock, timeScale, log, carried } = this.#deps;
    await sessions.sweep();
    for (let failures = 0; failures < AWAY_AFTER && !signal.aborted;) {
      await pause(clock, (failures === 0 ? LOOK_MS : AGAIN_MS) * timeScale, signal);
      if (signal.aborted) return;
      const looked = await this.#machine.look(signal);
      failures = looked.ok ? 0 : failures + 1;
      if (looked.ok) {
        await this.#tellInventory();
        await sessions.sweep();
      } else if (failures === AWAY_AFTER) log.warn("a remote host is away", { host: carried.name, why: looked.error.detail });
    }
  }

  #inventory: HostFrame[] = [];

  /** Nothing is told that is as it was. */
  async #tellInventory(): Promise<number> {
    const types = await this.#machine.catalogue.report();
    const frames = inventoryFrames(types);
    if (JSON.stringify(frames) !== JSON.stringify(this.#inventory)) {
      this.#inventory = frames;
      if (this.#link?.state.type === "up") for (const frame of frames) this.#link.send(frame);
    }
    return types.length;
  }
}
