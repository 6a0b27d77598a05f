/** The processes of an attempt on another machine, as its carrier sees them. */
import { pause, type Clock } from "../daemon/clock.ts";
import type { Log } from "../daemon/log.ts";
import type { Body, Death } from "../tasks/live-attempt.ts";
import type { AttemptStore } from "../tasks/attempt-store.ts";
import type { Follower } from "./follower.ts";
import type { Hand } from "./hand.ts";
import { Mirror } from "./mirror.ts";

export interface RemoteBodyDeps {
  store: AttemptStore;
  hand: Pick<Hand, "stop" | "agents">;
  follower: Follower;
  clock: Clock;
  timeScale: number;
  log: Log;
  logLimitBytes: number;
}

const AGAIN_MS = 2_000;
/** Of what is over: of a process that nobody can end the end is told all the same, as on this machine. */
const STOP_TRIES = 3;

/** @param name of its directory there. @param signal the daemon goes; what runs goes on. */
export function remoteBody(attempt: string, name: string, deps: RemoteBodyDeps, signal: AbortSignal): Body {
  const { store, hand, follower, clock, timeScale, log } = deps;
  const mirror = new Mirror(store.paths(attempt), deps.logLimitBytes);
  const over = Promise.withResolvers<Death | "unbegun">();
  let rebooted = false;
  const abort = (): void => over.resolve("runner_died");
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  const hasEnded = store.exit(attempt) !== undefined;
  if (hasEnded) over.resolve("runner_died");
  else {
    if (store.read(attempt).spec?.forwardAgent === true) hand.agents.keep(name, signal);
    follower.add(name, {
      offset: () => mirror.offset,
      log: ({ offset, bytes }) => mirror.log(offset, bytes),
      child: ({ child }) => mirror.child(child),
      usage: ({ usage }) => mirror.usage(usage),
      over(news) {
        switch (news.type) {
          case "exit":
            mirror.exit(news.text);
            return over.resolve("runner_died");
          case "died":
            rebooted = news.why === "host_reboot";
            return over.resolve(news.why);
          case "absent":
            // Its files were removed there, by whom ever: what has run is not begun again.
            return over.resolve(store.child(attempt) === undefined ? "unbegun" : "runner_died");
        }
      },
    });
  }

  let isOver = false;
  void over.promise.then(() => {
    isOver = true;
    hand.agents.hide(name);
    signal.removeEventListener("abort", abort);
  });

  /** Asked until it is over, however often the connection breaks: a child may be about to begin, and be seen by the next look only. */
  async function stop(graceMs: number): Promise<void> {
    for (let tries = 0; !signal.aborted && tries < STOP_TRIES;) {
      const stopped = await hand.stop(name, attempt, graceMs, signal);
      if (stopped.ok && stopped.value && isOver) return;
      if (stopped.ok && !stopped.value) log.error("processes of an attempt cannot be ended", { attempt });
      if (stopped.ok && isOver) tries += 1;
      await Promise.race([pause(clock, AGAIN_MS * timeScale, signal), ...(isOver ? [] : [over.promise])]);
      if (isOver && stopped.ok && stopped.value) return;
    }
  }

  return {
    isGone: hasEnded,
    get isHeard() {
      return follower.isHeard(name);
    },
    get pid() {
      return store.child(attempt)?.pid ?? 0;
    },
    untilGone: () => over.promise,
    stop,
    async empty() {
      // After a restart of that machine its pids name whatever was started since.
      if (!rebooted) await stop(0);
    },
  };
}
