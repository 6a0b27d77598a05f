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
  /** The one place that it names; absent: it names none. */
  place?: string | undefined;
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

/** Those of a lane by age; apart by the place they name, so that who asks for one place passes over none of the others'. */
class Line<I extends QueueItem> {
  readonly #places = new Map<string, { item: I; n: number }[]>();
  #added = 0;

  get isEmpty(): boolean {
    return this.#places.size === 0;
  }

  add(item: I): void {
    const { place = NOWHERE } = item;
    const those = this.#places.get(place) ?? [];
    this.#places.set(place, those);
    let at = those.length;
    while (at > 0 && (those[at - 1]?.item.sinceMs ?? 0) > item.sinceMs) at -= 1;
    those.splice(at, 0, { item, n: this.#added++ });
  }

  /** False: it was not in it. */
  remove(item: I): boolean {
    const { place = NOWHERE } = item;
    const those = this.#places.get(place) ?? [];
    const at = those.findIndex((one) => one.item === item);
    if (at === -1) return false;
    those.splice(at, 1);
    if (those.length === 0) this.#places.delete(place);
    return true;
  }

  /** @param places of those that name one; undefined: all of them. */
  oldest(admits: (item: I) => boolean, places: readonly string[] | undefined): I | undefined {
    let oldest: { item: I; n: number } | undefined;
    for (const those of places === undefined ? this.#places.values() : [NOWHERE, ...places].map((place) => this.#places.get(place) ?? [])) {
      const found = those.find(({ item }) => admits(item));
      if (found !== undefined && (oldest === undefined || isBefore(found, oldest))) oldest = found;
    }
    return oldest?.item;
  }
}

const NOWHERE = "";

const isBefore = <I extends QueueItem>(a: { item: I; n: number }, b: { item: I; n: number }): boolean =>
  a.item.sinceMs === b.item.sinceMs ? a.n < b.n : a.item.sinceMs < b.item.sinceMs;

type Lanes<I extends QueueItem> = Shares<Line<I>>;

export class FairQueue<I extends QueueItem> {
  readonly #priorities = new Map<number, Shares<Lanes<I>>>();
  #turn = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(item: I): void {
    this.#size += 1;
    this.#line(item).add(item);
  }

  /** False: it was not in it. */
  remove(item: I): boolean {
    const credentials = this.#priorities.get(item.priority);
    const lanes = credentials?.entries.get(item.credential)?.value;
    const line = lanes?.entries.get(item.lane)?.value;
    if (credentials === undefined || lanes === undefined || line === undefined || !line.remove(item)) return false;
    this.#size -= 1;
    // What is empty is forgotten, its turn included: nobody saves up turns by not asking.
    if (line.isEmpty) lanes.entries.delete(item.lane);
    if (lanes.entries.size === 0) credentials.entries.delete(item.credential);
    if (credentials.entries.size === 0) this.#priorities.delete(item.priority);
    return true;
  }

  /**
   * Whose turn it is among those that `admits` lets through. It stays in the queue until it is removed.
   * @param places what it may name, if it names one; `admits` is asked of no others.
   */
  next(admits: (item: I) => boolean, nowMs: number, places?: readonly string[]): I | undefined {
    if (this.#size === 0) return undefined;
    if ((this.#turn + 1) % AGE_TURN === 0) {
      const oldest = this.#oldest(admits, places);
      if (oldest !== undefined && nowMs - oldest.sinceMs >= PATIENCE_MS) return oldest;
    }
    for (const priority of [...this.#priorities.keys()].sort((a, b) => a - b))
      for (const { value: lanes } of this.#priorities.get(priority)?.inTurn() ?? [])
        for (const { value: line } of lanes.inTurn()) {
          const found = line.oldest(admits, places);
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

  #oldest(admits: (item: I) => boolean, places: readonly string[] | undefined): I | undefined {
    let oldest: I | undefined;
    for (const credentials of this.#priorities.values())
      for (const { value: lanes } of credentials.entries.values())
        for (const { value: line } of lanes.entries.values()) {
          const found = line.oldest(admits, places);
          if (found !== undefined && (oldest === undefined || found.sinceMs < oldest.sinceMs)) oldest = found;
        }
    return oldest;
  }

  #line({ priority, credential, lane }: I): Line<I> {
    let credentials = this.#priorities.get(priority);
    if (credentials === undefined) this.#priorities.set(priority, (credentials = new Shares()));
    return credentials.at(credential, () => new Shares()).at(lane, () => new Line<I>());
  }
}
