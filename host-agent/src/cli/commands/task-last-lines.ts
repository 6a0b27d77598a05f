/** The last line that each running target wrote, followed while somebody looks. */
import type { Task } from "@maestro/shared/contract/tasks";
import type { ApiClient } from "../api/client.ts";
import type { Patience } from "../api/patience.ts";
import { LineSplitter } from "../logs/lines.ts";
import { readLog } from "../logs/read.ts";
import { readableLine } from "./task-progress.ts";

/** Each is a stream of its own. */
const MAX_FOLLOWED = 6;

export class LastLines implements Disposable {
  readonly #client: ApiClient;
  readonly #patience: Patience;
  readonly #stop = new AbortController();
  /** By target; of which attempt it is. */
  readonly #followed = new Map<number, string>();
  readonly #lines = new Map<number, string>();

  constructor(client: ApiClient, patience: Patience) {
    this.#client = client;
    this.#patience = { ...patience, signal: AbortSignal.any([patience.signal, this.#stop.signal]), met: true, away: () => undefined };
  }

  follow({ targets }: Task): void {
    for (const [i, { status, attempt }] of targets.slice(0, MAX_FOLLOWED).entries()) {
      if (status !== "running" || attempt === undefined || this.#followed.get(i) === attempt) continue;
      this.#followed.set(i, attempt);
      // Only something to look at: the task and its waiting do not hang on it.
      void this.#read(i, attempt).catch(() => undefined);
    }
  }

  of(target: number): string | undefined {
    return this.#lines.get(target);
  }

  async #read(target: number, attempt: string): Promise<void> {
    const splitter = new LineSplitter();
    for await (const { offset, bytes } of readLog(this.#client, { kind: "attempt", id: attempt }, { tailLines: 1 }, true, this.#patience)) {
      for (const { line } of splitter.write(offset, bytes)) {
        const text = readableLine(line);
        if (text !== "" && this.#followed.get(target) === attempt) this.#lines.set(target, text);
      }
    }
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
  }
}
