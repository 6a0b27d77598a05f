/** Everybody attached to the sessions of this host, by socket; those who were refused stay until their socket closed. */
import { VIEWER_SILENT_MS } from "@maestro/shared/limits";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { earliestOf, type Deadlines } from "../../domain/relay/next-alarm.ts";
import type { Viewer } from "./viewer.ts";

export class Viewers {
  readonly #bySocket = new Map<WebSocket, Viewer>();
  readonly #scale: number;
  readonly #pingedMs: (socket: WebSocket) => number | undefined;

  /** @param pingedMs of the last `ping` the platform answered, Unix ms. */
  constructor(scale: number, pingedMs: (socket: WebSocket) => number | undefined) {
    this.#scale = scale;
    this.#pingedMs = pingedMs;
  }

  add(viewer: Viewer): void {
    this.#bySocket.set(viewer.socket, viewer);
  }

  at(socket: WebSocket): Viewer | undefined {
    return this.#bySocket.get(socket);
  }

  /** Its socket closed. */
  forget({ socket }: Viewer): void {
    this.#bySocket.delete(socket);
  }

  /** A copy, so that whoever walks it may end them. */
  served(): Viewer[] {
    return [...this.#bySocket.values()].filter(({ closing }) => !closing);
  }

  of(session: string): number {
    return this.served().filter(({ at }) => at.session === session).length;
  }

  openedBy(credential: string): Viewer[] {
    return this.served().filter(({ at }) => at.credential === credential);
  }

  /** Whose time is over, and how they are told. */
  overdue(nowMs: number): { viewer: Viewer; error: MaestroError }[] {
    return this.served().flatMap((viewer) => {
      if ((viewer.helloDueMs(this.#scale) ?? Infinity) <= nowMs)
        return [{ viewer, error: maestroError("hello_timeout", "No hello within 5 s.") }];
      if ((viewer.at.expiresMs ?? Infinity) <= nowMs)
        return [{ viewer, error: maestroError("token_expired", "The credential of this socket expired.", { hint: "Log in again." }) }];
      return [];
    });
  }

  /** [LK4] Half-open sockets. Asked only when something else has woken the object. */
  silent(nowMs: number): Viewer[] {
    return this.served().filter(({ socket }) => (this.#pingedMs(socket) ?? Infinity) + VIEWER_SILENT_MS * this.#scale <= nowMs);
  }

  deadlines(): Deadlines {
    const served = this.served();
    return {
      hello: earliestOf(served.map((viewer) => viewer.helloDueMs(this.#scale))),
      expiry: earliestOf(served.map(({ at }) => at.expiresMs)),
    };
  }
}
