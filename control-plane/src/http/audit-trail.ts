/** One request's audit: written before privileged effects, and for refusals once it is known who was refused. */
import { ERRORS, MaestroFailure, type ErrorCode, type MaestroError } from "@maestro/shared/errors";
import type { Result } from "@maestro/shared/result";
import type { AuditEntry } from "../domain/access/audit-entry.ts";
import { unrecorded } from "../domain/access/unrecorded.ts";
import { errorText } from "../log-text.ts";
import type { Feed } from "../objects/feed.ts";
import type { Identity } from "./auth-input.ts";

export interface AuditPlace {
  action: string;
  ip: string;
  requestId: string;
}

export class AuditTrail {
  identity: Identity | undefined;
  /** Whether a record of this request stands. */
  written = false;
  readonly #feeds: DurableObjectNamespace<Feed>;
  readonly #place: AuditPlace;

  constructor(feeds: DurableObjectNamespace<Feed>, place: AuditPlace) {
    this.#feeds = feeds;
    this.#place = place;
  }

  feed(): DurableObjectStub<Feed> {
    return this.#feeds.getByName(this.#who().fleet);
  }

  /** Throws `audit_unavailable`: what cannot be recorded does not happen. */
  async ok(target: string, action: string = this.#place.action): Promise<void> {
    try {
      await this.feed().audit(this.#entry(action, target, "ok"));
    } catch (cause) {
      throw new MaestroFailure(unrecorded(), { cause });
    }
    this.written = true;
  }

  /** By an object that keeps the record with what it does, and refuses with `audit_unavailable` when the log takes none. */
  async by<T>(target: string, act: (entry: AuditEntry) => Promise<Result<T, MaestroError>>): Promise<Result<T, MaestroError>> {
    const result = await act(this.#entry(this.#place.action, target, "ok"));
    this.written = result.ok;
    return result;
  }

  /** Never in the way of the refusal itself: a log that fails here is reported to the server's own log. */
  async refused(target: string, code: ErrorCode): Promise<void> {
    if (this.identity === undefined) return;
    const { status } = ERRORS[code];
    const outcome = status === 401 || status === 403 ? "denied" : "failed";
    try {
      await this.feed().audit({ ...this.#entry(this.#place.action, target, outcome), code });
    } catch (cause) {
      console.error(JSON.stringify({ message: "audit of a refusal failed", requestId: this.#place.requestId, cause: errorText(cause) }));
    }
  }

  #entry(action: string, target: string, outcome: AuditEntry["outcome"]): AuditEntry {
    const { actor, credential } = this.#who();
    return { actor, credential, ip: this.#place.ip, action, target, outcome, requestId: this.#place.requestId };
  }

  #who(): Identity {
    if (this.identity === undefined) throw new Error(`${this.#place.action}: nobody was identified, so there is no fleet to speak of`);
    return this.identity;
  }
}
