/** Many named deadlines, the next of which is the object's one alarm. A binary heap; what was moved or cleared is skipped. */

interface Entry<T> {
  atMs: number;
  what: T;
}

export class Deadlines<T> {
  readonly #named = new Map<string, Entry<T>>();
  readonly #heap: (Entry<T> & { name: string })[] = [];

  set(name: string, atMs: number, what: T): void {
    if (this.#named.get(name)?.atMs === atMs) return;
    this.#named.set(name, { atMs, what });
    this.#push({ name, atMs, what });
  }

  clear(name: string): void {
    this.#named.delete(name);
  }

  nextMs(): number | undefined {
    return this.#top()?.atMs;
  }

  /** Takes out what is due, in order. */
  takeDue(nowMs: number): T[] {
    const due: T[] = [];
    for (let top = this.#top(); top !== undefined && top.atMs <= nowMs; top = this.#top()) {
      this.#named.delete(top.name);
      due.push(top.what);
    }
    return due;
  }

  #top(): (Entry<T> & { name: string }) | undefined {
    for (;;) {
      const top = this.#heap[0];
      if (top === undefined || this.#named.get(top.name)?.atMs === top.atMs) return top;
      this.#pop();
    }
  }

  #push(entry: Entry<T> & { name: string }): void {
    const heap = this.#heap;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = heap[up];
      if (parent === undefined || parent.atMs <= entry.atMs) break;
      heap[at] = parent;
      at = up;
    }
    heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      const right = left + 1;
      const [l, r] = [heap[left], heap[right]];
      if (l === undefined) break;
      const [child, entry] = r !== undefined && r.atMs < l.atMs ? [right, r] : [left, l];
      if (entry.atMs >= last.atMs) break;
      heap[at] = entry;
      at = child;
    }
    heap[at] = last;
  }
}
