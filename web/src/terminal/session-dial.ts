/** Where a session's socket is dialled, again and again. */
import { ROUTES } from "@maestro/shared/contract/routes";
import type { Result } from "@maestro/shared/result";
import { call, type ApiError } from "../api/client.ts";
import { sessionTarget, type SocketTarget } from "../api/socket-target.ts";

export class SessionDial {
  readonly #session: string;
  /** Dials since a socket was open. */
  #unopened = 0;

  constructor(session: string) {
    this.#session = session;
  }

  opened(): void {
    this.#unopened = 0;
  }

  /** An upgrade that was refused says nothing in a browser: before the next try the reason is asked for. */
  async target(): Promise<Result<SocketTarget, ApiError>> {
    if (this.#unopened++ > 0) {
      const known = await call(ROUTES.session, { id: this.#session });
      if (!known.ok) return known;
    }
    return sessionTarget(this.#session);
  }
}
