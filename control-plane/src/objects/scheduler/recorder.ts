/** What is asked of the Scheduler is in the fleet's audit log before it is done. One call carries all that wait for the one before. */
import { err, ok, type Result } from "@maestro/shared/result";
import type { AuditEntry } from "../../domain/access/audit-entry.ts";
import { unrecorded } from "../../domain/access/unrecorded.ts";
import { errorText } from "../../log-text.ts";

/** Of one call. */
const MAX_ENTRIES = 100;

interface Waiting {
  entry: AuditEntry;
  done(recorded: Result<void>): void;
}

export class Recorder {
  readonly #write: (entries: AuditEntry[]) => Promise<unknown>;
  readonly #waiting: Waiting[] = [];
  #busy = false;

  constructor(write: (entries: AuditEntry[]) => Promise<unknown>) {
    this.#write = write;
  }

  /** Resolves once it is stored, or with `audit_unavailable`. */
  record(entry: AuditEntry): Promise<Result<void>> {
    return new Promise((done) => {
      this.#waiting.push({ entry, done });
      if (!this.#busy) void this.#writeAll();
    });
  }

  async #writeAll(): Promise<void> {
    this.#busy = true;
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0, MAX_ENTRIES);
      const recorded = await this.#written(group.map(({ entry }) => entry));
      for (const { done } of group) done(recorded);
    }
    this.#busy = false;
  }

  async #written(entries: AuditEntry[]): Promise<Result<void>> {
    try {
      await this.#write(entries);
      return ok(undefined);
    } catch (cause) {
      console.error(
        JSON.stringify({ message: "audit unavailable", requests: entries.map(({ requestId }) => requestId), cause: errorText(cause) }),
      );
      return err(unrecorded());
    }
  }
}
