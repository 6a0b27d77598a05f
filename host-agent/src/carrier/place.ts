/** Where attempts run that do not run as processes of this machine: another machine, a container here or there. */
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { err, ok, type Result } from "@maestro/shared/result";
import { TypeCatalogue } from "../adapters/types/catalogue.ts";
import { pause, type Clock } from "../daemon/clock.ts";
import type { Log } from "../daemon/log.ts";
import { Follower } from "./follower.ts";
import { Hand } from "./hand.ts";
import type { RemotePlanDeps } from "./remote-plan.ts";
import { RemotePrograms } from "./remote-programs.ts";
import type { RemoteShell } from "./remote-shell.ts";

export interface Place {
  hand: Hand;
  follower: Follower;
  /** What is there, by a look that is not long ago. @param again by one that begins now. */
  look(signal: AbortSignal, again?: boolean): Promise<Result<RemotePlanDeps>>;
}

export interface PlacesDeps extends Pick<RemotePlanDeps, "policy" | "ownEnv" | "record"> {
  shellOf(container: string): RemoteShell;
  prelude: string;
  typeDirs: readonly string[];
  clock: Clock;
  timeScale: number;
  log: Log;
}

const TRIES = 5;
const AGAIN_MS = 1_000;

/**
 * Nothing is begun yet, so that a line that breaks needs to be no reason to fail. Once aborted nobody waits any longer, whatever
 * becomes of what was asked.
 *
 * @param isFinal asked again it would be said again.
 */
export async function patiently<T>(
  ask: () => Promise<Result<T>>,
  { clock, timeScale, signal }: { clock: Clock; timeScale: number; signal: AbortSignal },
  isFinal: (error: MaestroError) => boolean = ({ code }) => code.startsWith("container_"),
): Promise<Result<T>> {
  const given = Promise.withResolvers<Result<T>>();
  const giveUp = (): void => given.resolve(err(notWanted));
  signal.addEventListener("abort", giveUp, { once: true });
  try {
    for (let tries = 1; !signal.aborted; tries++) {
      const asked = await Promise.race([ask(), given.promise]);
      if (asked.ok || isFinal(asked.error) || tries === TRIES) return asked;
      await pause(clock, AGAIN_MS * 2 ** tries * timeScale, signal);
    }
    return err(notWanted);
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
}

export const notWanted = maestroError("timeout", "What was asked for is not wanted any more.");

/** What was installed there is found so soon. */
const LOOK_KEPT_MS = 10_000;

export class Places {
  readonly #deps: PlacesDeps;
  readonly #containers = new Map<string, { place: Place; gone: AbortController }>();
  #stopped: AbortSignal | undefined;
  readonly #running = new Set<Promise<void>>();

  constructor(deps: PlacesDeps) {
    this.#deps = deps;
  }

  container(name: string): Place {
    const known = this.#containers.get(name);
    if (known !== undefined) return known.place;
    const made = { place: createPlace(this.#deps.shellOf(name), this.#deps), gone: new AbortController() };
    this.#containers.set(name, made);
    if (this.#stopped !== undefined) this.#follow(made, this.#stopped);
    return made.place;
  }

  /** It is no more, and nothing of it is followed. */
  forget(name: string): void {
    this.#containers.get(name)?.gone.abort();
    this.#containers.delete(name);
  }

  seen(): void {
    for (const { place } of this.#containers.values()) place.follower.seen();
  }

  /** Until aborted; what runs there goes on. */
  async run(signal: AbortSignal): Promise<void> {
    this.#stopped = signal;
    for (const one of this.#containers.values()) this.#follow(one, signal);
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    });
    await Promise.all(this.#running);
  }

  #follow({ place, gone }: { place: Place; gone: AbortController }, stopped: AbortSignal): void {
    const running = place.follower.run(AbortSignal.any([stopped, gone.signal]));
    this.#running.add(running);
    void running.finally(() => this.#running.delete(running));
  }
}

function createPlace(shell: RemoteShell, { prelude, typeDirs, policy, ownEnv, record, clock, timeScale, log }: PlacesDeps): Place {
  const hand = new Hand(shell, prelude);
  const programs = new RemotePrograms();
  const catalogue = new TypeCatalogue(typeDirs, programs, (name) => programs.locate(name));
  let seen: { plan: RemotePlanDeps; untilMs: number } | undefined;
  return {
    hand,
    follower: new Follower({ hand, clock, timeScale, log }),
    async look(signal, again = false) {
      if (!again && seen !== undefined && clock.monotonicMs() < seen.untilMs) return ok(seen.plan);
      const facts = await hand.facts(signal);
      if (!facts.ok) return facts;
      catalogue.refresh();
      const found = await hand.programs(programs.asked(catalogue.types.flatMap(({ type }) => type.argv?.[0] ?? [])), signal);
      if (!found.ok) return found;
      programs.learn(found.value);
      const plan = {
        catalogue,
        policy,
        ownEnv,
        record,
        facts: facts.value,
        program: (adapter: Parameters<RemotePrograms["program"]>[0]) => programs.program(adapter),
      };
      seen = { plan, untilMs: clock.monotonicMs() + LOOK_KEPT_MS };
      return ok(plan);
    },
  };
}
