/** A viewer's socket, which comes back as the table of close codes says. */
import { WebSocket } from "ws";
import { CLOSE_TABLE } from "@maestro/shared/protocol/close-codes";
import { SUBPROTOCOL } from "@maestro/shared/protocol/version";

export interface ViewerTarget {
  /** `http://127.0.0.1:<port>` of the control plane, or of a proxy before it. */
  url: string;
  session: string;
  token: string;
  /** Come back after a cut, with the offset reached: on unless a test wants to see the close. */
  redial?: boolean;
  /** Ceiling of the redial delay; the real ones go to 15 s. */
  redialMaxMs?: number;
}

export interface ViewerSocketOwner {
  opened(): void;
  text(text: string): void;
  binary(data: Buffer): void;
  /** It closed, or the upgrade was refused. */
  gone(): void;
}

export class ViewerSocket implements AsyncDisposable {
  readonly closes: { code: number; reason: string }[] = [];
  redials = 0;
  readonly #target: ViewerTarget;
  readonly #owner: ViewerSocketOwner;
  #socket: WebSocket | undefined;
  #redialTimer: NodeJS.Timeout | undefined;
  #disposed = false;

  constructor(target: ViewerTarget, owner: ViewerSocketOwner) {
    this.#target = target;
    this.#owner = owner;
  }

  get open(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  dial(): void {
    const { url, session, token } = this.#target;
    const socket = new WebSocket(`${url.replace(/^http/, "ws")}/api/v1/sessions/${session}/attach`, SUBPROTOCOL, {
      headers: { authorization: `Bearer ${token}` },
      perMessageDeflate: false,
    });
    this.#socket = socket;
    socket.on("open", () => this.#owner.opened());
    socket.on("message", (data: Buffer, binary) => (binary ? this.#owner.binary(data) : this.#owner.text(data.toString("utf8"))));
    socket.on("unexpected-response", (_request, response) => {
      this.closes.push({ code: response.statusCode ?? 0, reason: "refused" });
      response.resume();
      socket.terminate();
      this.#owner.gone();
    });
    socket.on("error", () => undefined);
    socket.on("close", (code, reason) => this.#closed(code, reason.toString("utf8")));
  }

  send(data: string | Uint8Array): void {
    this.#socket?.send(data);
  }

  /** Does not even read. */
  pause(): void {
    this.#socket?.pause();
  }

  resume(): void {
    this.#socket?.resume();
  }

  /** As a cable does: no close frame. */
  cut(): void {
    this.#socket?.terminate();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    clearTimeout(this.#redialTimer);
    const socket = this.#socket;
    if (socket === undefined || socket.readyState === WebSocket.CLOSED) return;
    await new Promise<void>((resolve) => {
      socket.once("close", () => resolve());
      socket.resume();
      socket.close(1000);
      setTimeout(() => socket.terminate(), 1_000).unref();
    });
  }

  #closed(code: number, reason: string): void {
    this.closes.push({ code, reason });
    this.#owner.gone();
    const row = Object.entries(CLOSE_TABLE).find(([known]) => Number(known) === code)?.[1];
    const comesBack = row === undefined || row.redial === "backoff" || row.redial === "spread";
    if (this.#disposed || this.#target.redial === false || !comesBack) return;
    this.#redialTimer = setTimeout(
      () => {
        this.redials++;
        this.dial();
      },
      Math.random() * (this.#target.redialMaxMs ?? 250),
    );
  }
}
