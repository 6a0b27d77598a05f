/**
 * [TK5] [LG4] What is to be blotted out of the log of an attempt that this process did not start. A child that runs tells it
 * itself; of one that does not any more the control plane is asked again, and no byte of the log is read before. One that is
 * older than the question [VR2] never answers it: that is waited for so long only.
 */
import type { HostFrame } from "@maestro/shared/protocol/link";
import type { AttemptSpec } from "@maestro/shared/protocol/tasks";
import type { Result } from "@maestro/shared/result";
import type { Clock } from "../daemon/clock.ts";
import type { Log } from "../daemon/log.ts";
import type { FrameOf } from "../link/dispatch.ts";
import { secretsIn, type Recalled } from "./forwarding.ts";
import type { Known } from "./log-file.ts";

export interface SecretsDeps {
  clock: Clock;
  timeScale: number;
  log: Log;
  logs: {
    isOpen(attempt: string): boolean;
    open(attempt: string, fence: number, file: string, known: Known | undefined): void;
    reveal(attempt: string, known: Known): void;
  };
  /** What is known of it here. @param child of the attempt, if there ever was one. */
  recall(spec: AttemptSpec, child: number | undefined): Recalled;
  unseal(sealed: string, attempt: string, fence: number): Result<Record<string, string>>;
  send(frame: HostFrame): void;
}

interface Wanted {
  fence: number;
  recalled: Recalled;
  /** Monotonic: when to ask again. */
  dueMs: number;
  /** On this link. */
  asked: number;
  /** With a link and without an answer. */
  waitedMs: number;
}

const ASK_AGAIN_MS = 5_000;
const ASK_AGAIN_MAX_MS = 60_000;
/** Who knows the question answers at once, but for a moment in which the Scheduler is away. */
const UNANSWERED_MS = 2 * 60_000;

const waitMs = (asked: number): number => Math.min(ASK_AGAIN_MAX_MS, ASK_AGAIN_MS * 2 ** asked);

export class AttemptSecrets {
  readonly #deps: SecretsDeps;
  readonly #wanted = new Map<string, Wanted>();
  /** What is taken up without a link is asked for on the next one. */
  #linked = false;

  constructor(deps: SecretsDeps) {
    this.#deps = deps;
  }

  /** Of an attempt that runs or ran; a log that is open already stays as it is. */
  open(spec: AttemptSpec, fence: number, file: string, child: number | undefined): void {
    const { logs, recall, clock } = this.#deps;
    const { attempt } = spec;
    if (logs.isOpen(attempt)) return;
    const recalled = recall(spec, child);
    if (recalled.ask.length === 0) return logs.open(attempt, fence, file, recalled);
    logs.open(attempt, fence, file, undefined);
    const wanted: Wanted = { fence, recalled, dueMs: clock.monotonicMs(), asked: 0, waitedMs: 0 };
    this.#wanted.set(attempt, wanted);
    if (this.#linked) this.#ask(attempt, wanted);
  }

  /** What was asked on another link is not answered on this one. */
  linkUp(): void {
    this.#linked = true;
    for (const [attempt, wanted] of this.#wanted) {
      wanted.asked = 0;
      this.#ask(attempt, wanted);
    }
  }

  linkDown(): void {
    this.#linked = false;
  }

  /** Now and then. */
  look(): void {
    if (!this.#linked) return;
    for (const [attempt, wanted] of this.#wanted) {
      if (this.#deps.clock.monotonicMs() < wanted.dueMs) continue;
      wanted.waitedMs += waitMs(wanted.asked - 1);
      if (wanted.waitedMs < UNANSWERED_MS) this.#ask(attempt, wanted);
      else this.#settle(attempt, wanted, undefined);
    }
  }

  answer({ attempt, fence, sealed }: Omit<FrameOf<"task.secrets">, "t">): void {
    const wanted = this.#wanted.get(attempt);
    if (wanted === undefined || wanted.fence !== fence) return;
    const opened = sealed === undefined ? undefined : this.#deps.unseal(sealed, attempt, fence);
    this.#settle(attempt, wanted, opened?.ok === true ? opened.value : undefined);
  }

  /** @param brought undefined: nobody knows them any more. */
  #settle(attempt: string, { recalled: { values, ask, unknown, sure } }: Wanted, brought: Record<string, string> | undefined): void {
    const came = brought === undefined ? { values: [], missing: ask } : secretsIn(brought, ask);
    this.#wanted.delete(attempt);
    const left = [...unknown, ...came.missing];
    if (left.length > 0)
      this.#deps.log.warn("secrets of an attempt are not known any more; its log is sent without them", { attempt, names: left.join(" ") });
    this.#deps.logs.reveal(attempt, { values: [...values, ...came.values], unknown: left, sure });
  }

  /** Dropped where there is no link: the next one asks. */
  #ask(attempt: string, wanted: Wanted): void {
    const { clock, timeScale, send } = this.#deps;
    wanted.dueMs = clock.monotonicMs() + waitMs(wanted.asked) * timeScale;
    wanted.asked += 1;
    send({ t: "task.secrets", attempt, fence: wanted.fence });
  }
}
