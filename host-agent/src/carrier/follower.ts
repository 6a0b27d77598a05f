/**
 * Everything that is followed on one machine, over one channel that is kept while there is something to follow. It breaks when
 * it likes: what is followed goes on there, and is followed anew from where its log stands here.
 */
import type { MaestroError } from "@maestro/shared/errors";
import { STABLE_AFTER_MS } from "@maestro/shared/protocol/backoff";
import { pause, type Clock } from "../daemon/clock.ts";
import type { Log } from "../daemon/log.ts";
import type { Hand, Watch } from "./hand.ts";
import type { News } from "./news.ts";

type Of<T extends News["type"]> = Extract<News, { type: T }>;

export interface Followed {
  /** So much of its log is here. */
  offset(): number;
  /** Throws when it cannot be kept here: it is followed anew a while later. */
  log(news: Of<"log">): void;
  child(news: Of<"child">): void;
  usage(news: Of<"usage">): void;
  /** The last thing that is heard of it: one of these. */
  over(news: Of<"exit"> | Of<"died"> | Of<"absent">): void;
}

export interface FollowerDeps {
  hand: Pick<Hand, "watch">;
  clock: Clock;
  timeScale: number;
  log: Log;
}

/** It beats three times as often. */
const HEARD_MS = 15_000;
/** After which its channel is given up: not every way there has keep-alives. The beats go by the clock there. */
const SILENT_MS = 60_000;
/** Looks in a row that found its container stopped or gone: nothing runs in it any more. */
const GONE_AFTER = 3;
const AGAIN_MS = 500;
const AGAIN_MAX_MS = 15_000;
const UNKEPT_MS = 5_000;

export class Follower {
  readonly #deps: FollowerDeps;
  readonly #followed = new Map<string, Followed>();
  #watch: Watch | undefined;
  #wake = Promise.withResolvers<void>();
  /** Over the present channel; monotonic. */
  #heardMs: number | undefined;

  constructor(deps: FollowerDeps) {
    this.#deps = deps;
  }

  add(name: string, followed: Followed): void {
    this.#followed.set(name, followed);
    this.#watch?.follow(name, followed.offset());
    this.#wake.resolve();
  }

  delete(name: string): void {
    if (!this.#followed.delete(name)) return;
    this.#watch?.drop(name);
    // Its channel is one of a few.
    if (this.#followed.size === 0) this.#watch?.close();
  }

  /** What it writes is seen at once. */
  isHeard(name: string): boolean {
    return this.#followed.has(name) && this.#heardMs !== undefined && this.#deps.clock.monotonicMs() - this.#heardMs < HEARD_MS;
  }

  seen(): void {
    this.#watch?.seen();
  }

  /** Until aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { hand, clock, timeScale, log } = this.#deps;
    let failures = 0;
    let gone = 0;
    signal.addEventListener("abort", () => this.#wake.resolve(), { once: true });
    while (!signal.aborted) {
      while (this.#followed.size === 0 && !signal.aborted) await this.#something();
      if (signal.aborted) return;
      const sinceMs = clock.monotonicMs();
      let wasHeard = false;
      const channel = new AbortController();
      const opened = await hand.watch(
        (news) => {
          wasHeard = true;
          this.#take(news, signal);
        },
        AbortSignal.any([signal, channel.signal]),
      );
      let why: MaestroError | undefined;
      if (opened.ok) {
        this.#watch = opened.value;
        for (const [name, followed] of this.#followed) opened.value.follow(name, followed.offset());
        if (this.#followed.size === 0) opened.value.close();
        void this.#watchSilence(channel);
        why = await opened.value.closed;
        channel.abort();
        this.#watch = undefined;
        this.#heardMs = undefined;
        if (why !== undefined) log.info("what runs on a remote host is not followed for a moment", { why: why.detail });
      } else {
        why = opened.error;
        log.info("a remote host cannot be watched", { why: why.detail });
      }
      const lastedMs = clock.monotonicMs() - sinceMs;
      const isSteady = wasHeard && lastedMs >= STABLE_AFTER_MS * timeScale;
      failures = isSteady || this.#followed.size === 0 ? 0 : failures + 1;
      gone = why?.code === "container_not_running" ? gone + 1 : 0;
      if (gone >= GONE_AFTER) this.#endAll();
      if (this.#followed.size > 0) await pause(clock, Math.min(AGAIN_MAX_MS, AGAIN_MS * 2 ** Math.min(failures, 5)) * timeScale, signal);
    }
  }

  /** Until it is given up, by whomever. */
  async #watchSilence(channel: AbortController): Promise<void> {
    const { clock, log } = this.#deps;
    const openedMs = clock.monotonicMs();
    for (let leftMs = SILENT_MS; leftMs > 0; leftMs = SILENT_MS - (clock.monotonicMs() - (this.#heardMs ?? openedMs))) {
      await pause(clock, leftMs, channel.signal);
      if (channel.signal.aborted) return;
    }
    log.info("nothing is heard of a remote host over its channel any more; it is given up", {});
    channel.abort();
  }

  async #something(): Promise<void> {
    await this.#wake.promise;
    this.#wake = Promise.withResolvers();
  }

  /** A container that stops takes every process in it along. */
  #endAll(): void {
    for (const [name, followed] of this.#followed) this.#give({ type: "died", name, why: "runner_died" }, followed);
  }

  #take(news: News, signal: AbortSignal): void {
    this.#heardMs = this.#deps.clock.monotonicMs();
    if (news.type === "beat") return;
    const followed = this.#followed.get(news.name);
    // Dropped while it was on its way.
    if (followed === undefined) return;
    try {
      this.#give(news, followed);
    } catch (cause) {
      this.#unkept(news.name, followed, cause, signal);
    }
  }

  #give(news: Exclude<News, { type: "beat" }>, followed: Followed): void {
    switch (news.type) {
      case "log":
        return followed.log(news);
      case "child":
        return followed.child(news);
      case "usage":
        return followed.usage(news);
      case "exit":
      case "died":
      case "absent":
        followed.over(news);
        this.delete(news.name);
    }
  }

  /** [F24] A full disk here: what runs there does not mind, and its log is fetched when there is room. */
  #unkept(name: string, followed: Followed, cause: unknown, signal: AbortSignal): void {
    const { clock, timeScale, log } = this.#deps;
    log.warn("the log of a remote attempt cannot be kept", { name, cause: cause instanceof Error ? cause.message : String(cause) });
    this.#followed.delete(name);
    this.#watch?.drop(name);
    void pause(clock, UNKEPT_MS * timeScale, signal).then(() => {
      if (!signal.aborted) this.add(name, followed);
    });
  }
}
