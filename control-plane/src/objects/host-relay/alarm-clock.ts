/** The one physical alarm of the object, set no earlier and no more often than the logical ones need. */
import { earliestOf, nextAlarm, type Deadlines } from "../../domain/relay/next-alarm.ts";

export class AlarmClock {
  readonly #storage: DurableObjectStorage;
  /** undefined: not read yet. null: none is set. */
  #set: number | null | undefined;
  #reading = false;
  #wanted: Deadlines = {};
  #handling = false;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  /** Never waits: what is sent to sockets meanwhile is not held back by it. */
  arm(deadlines: Deadlines): void {
    this.#wanted = deadlines;
    // What is due now is still being done: an alarm for it would only go off once more.
    if (this.#handling) return;
    if (this.#set !== undefined) return this.#apply();
    if (this.#reading) return;
    this.#reading = true;
    void this.#storage.getAlarm().then((set) => {
      this.#reading = false;
      // The alarm may have gone off meanwhile, and then this is known better already.
      if (this.#set === undefined) this.#set = set;
      if (!this.#handling) this.#apply();
    });
  }

  /** The same, at a moment when it pays to take back an alarm that nobody needs any more: it would wake the object. */
  settle(deadlines: Deadlines): void {
    this.arm(deadlines);
    if (typeof this.#set !== "number" || earliestOf(Object.values(deadlines)) !== undefined) return;
    this.#set = null;
    void this.#storage.deleteAlarm({ allowUnconfirmed: true });
  }

  /** The alarm went off and is no more. */
  fired(): void {
    this.#set = null;
  }

  /** Does what is due; the next alarm is set last. One that fails is given again by the platform. */
  async handle(work: () => Promise<void>, next: () => Deadlines): Promise<void> {
    this.fired();
    this.#handling = true;
    try {
      await work();
    } finally {
      this.#handling = false;
    }
    this.arm(next());
  }

  #apply(): void {
    const at = nextAlarm(this.#wanted, this.#set ?? undefined);
    if (at === undefined) return;
    this.#set = at;
    void this.#storage.setAlarm(at, { allowUnconfirmed: true });
  }
}
