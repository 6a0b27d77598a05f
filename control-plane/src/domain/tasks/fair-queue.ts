/**
 * What waits, in the order in which it gets its turn: by priority; among equals those take turns who were served least
 * lately, first by credential and then by labels; within these by age. Every so often the turn is that of whoever has waited
 * longest, whatever the priority, so nobody waits for ever.
 */

export interface QueueItem {
  priority: number;
  sinceMs: number;
  credential: string;
  lane: string;
}

/** Each so-manieth turn is given by age alone. */
const AGE_TURN = 8;
/** And only to who has waited so long. */
export const PATIENCE_MS = 60_000;

/** Those who share something: credentials of a priority, or lanes of a credential. */
class Shares<T> {
  readonly entries = new Map<string, { served: number; value: T }>();

  at(name: string, make: () => T): T {
    const found = this.entries.get(name);
    if (found !== undefined) return found.value;
    const value = make();
    this.entries.set(name, { served: 0, value });
    return value;
  }

  /** Least lately served first. */
  inTurn(): { served: number; value: T }[] {
    const all = [...this.entries.values()];
    return all.length < 2 ? all : all.sort((a, b) => a.served - b.served);
  }
}

type Lanes<I> = Shares<I[]>;

export class FairQueue<I extends QueueItem> {
  readonly #priorities = new Map<number, Shares<Lanes<I>>>();
  #turn = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(item: I): void {
    this.#size += 1;
    const line = this.#line(item);
    let at = line.length;
    while (at > 0 && (line[at - 1]?.sinceMs ?? 0) > item.sinceMs) at -= 1;
    line.splice(at, 0, item);
  }

  /** False: it was not in it. */
  remove(item: I): boolean {
    const credentials = this.#priorities.get(item.priority);
    const lanes = credentials?.entries.get(item.credential)?.value;
    const line = lanes?.entries.get(item.lane)?.value;
    const at = line?.indexOf(item) ?? -1;
    if (credentials === undefined || lanes === undefined || line === undefined || at === -1) return false;
    line.splice(at, 1);
    this.#size -= 1;
    // What is empty is forgotten, its turn included: nobody saves up turns by not asking.
    if (line.length === 0) lanes.entries.delete(item.lane);
    if (lanes.entries.size === 0) credentials.entries.delete(item.credential);
    if (credentials.entries.size === 0) this.#priorities.delete(item.priority);
    return true;
  }

  /** Whose turn it is among those that `admits` lets through. It stays in the queue until it is removed. */
  next(admits: (item: I) => boolean, nowMs: number): I | undefined {
    if (this.#size === 0) return undefined;
    if ((this.#turn + 1) % AGE_TURN === 0) {
      const oldest = this.#oldest(admits);
      if (oldest !== undefined && nowMs - oldest.sinceMs >= PATIENCE_MS) return oldest;
    }
    for (const priority of [...this.#priorities.keys()].sort((a, b) => a - b))
      for (const { value: lanes } of this.#priorities.get(priority)?.inTurn() ?? [])
        for (const { value: line } of lanes.inTurn()) {
          const found = line.find(admits);
          if (found !== undefined) return found;
        }
    return undefined;
  }

  /** It got its turn: those beside it come next. */
  served(item: I): void {
    const turn = ++this.#turn;
    const credential = this.#priorities.get(item.priority)?.entries.get(item.credential);
    if (credential === undefined) return;
    credential.served = turn;
    const lane = credential.value.entries.get(item.lane);
    if (lane !== undefined) lane.served = turn;
  }

  #oldest(admits: (item: I) => boolean): I | undefined {
    let oldest: I | undefined;
    for (const credentials of this.#priorities.values())
      for (const { value: lanes } of credentials.entries.values())
        for (const { value: line } of lanes.entries.values()) {
          const found = line.find(admits);
          if (found !== undefined && (oldest === undefined || found.sinceMs < oldest.sinceMs)) oldest = found;
        }
    return oldest;
  }

  #line({ priority, credential, lane }: I): I[] {
    let credentials = this.#priorities.get(priority);
    if (credentials === undefined) this.#priorities.set(priority, (credentials = new Shares()));
    return credentials.at(credential, () => new Shares()).at(lane, () => []);
  }
}
