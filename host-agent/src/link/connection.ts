/** One open link: what comes in is decoded and dispatched, what goes out passes the egress; it ends once. */
import { CLOSE } from "@maestro/shared/protocol/close-codes";
import { decodeControl } from "@maestro/shared/protocol/codec";
import { decodeFrame, encodeFrame, FLAG, MAX_PAYLOAD_BYTES } from "@maestro/shared/protocol/frame";
import { HELLO_TIMEOUT_MS } from "@maestro/shared/limits";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { RelayFrames, type HostFrame, type RelayFrame } from "@maestro/shared/protocol/link";
import { deadlineMs, type Cancel, type Clock } from "../daemon/clock.ts";
import type { Log } from "../daemon/log.ts";
import { Egress } from "../terminal/egress.ts";
import type { Terminals } from "../terminal/terminals.ts";
import { Blobs } from "./blobs.ts";
import { dispatch, type HostActions, type HostTasks } from "./dispatch.ts";
import { Heartbeat, PING, PONG } from "./heartbeat.ts";
import { hostText } from "./host-text.ts";
import { Requests, toWire } from "./requests.ts";
import type { LinkSocket } from "./socket.ts";

export interface ConnectionDeps {
  clock: Clock;
  timeScale: number;
  log: Log;
  actions: HostActions;
  tasks: HostTasks;
  terminals: Terminals;
  /** [LK3] First frames. */
  hello: readonly HostFrame[];
  /** The relay said welcome. */
  up(): void;
}

/** The relay's welcome is waited for this long, after which the link is made anew. */
const WELCOME_TIMEOUT_MS = 2 * HELLO_TIMEOUT_MS;

export class Connection {
  readonly #deps: ConnectionDeps;
  readonly #egress: Egress;
  readonly #heartbeat: Heartbeat;
  readonly #requests: Requests;
  readonly #socket: LinkSocket;
  readonly #cancelWelcome: Cancel;
  readonly #blobs = new Blobs();
  #phase: "greeting" | "up" | "ended" = "greeting";
  /** [VR2] Frames of a newer peer that were ignored. */
  #unknown = 0;

  constructor(socket: LinkSocket, deps: ConnectionDeps) {
    this.#socket = socket;
    this.#deps = deps;
    const { clock, timeScale, log, terminals } = deps;
    this.#egress = new Egress(socket, clock, {
      overflow: () => this.#abandon("the far end does not read"),
      sent: (channel) => terminals.sent(channel),
    });
    this.#heartbeat = new Heartbeat(clock, timeScale, {
      ping: () => socket.sendText(PING),
      dead: () => this.#abandon("no answer to two pings"),
    });
    this.#requests = new Requests((frame) => this.send(frame), { clock, timeScale, log });
    this.#cancelWelcome = clock.after(deadlineMs(WELCOME_TIMEOUT_MS, timeScale), () => this.#abandon("no welcome"));
    terminals.linkUp(this.#egress);
    for (const frame of deps.hello) this.send(frame);
    this.#heartbeat.start();
  }

  send(frame: HostFrame): void {
    if (this.#phase !== "ended") this.#egress.control(hostText(frame));
  }

  drained(): void {
    this.#egress.pump();
  }

  text(text: string): void {
    if (this.#phase === "ended") return;
    if (text === PONG) {
      this.#heartbeat.pong();
      return this.#deps.tasks.seen();
    }
    const decoded = decodeControl<RelayFrame>(text, RelayFrames);
    if (!decoded.ok) return this.#refuse(decoded.error);
    if (decoded.value.type === "unknown") return this.#ignore(decoded.value.name, decoded.value.id);
    const { frame } = decoded.value;
    if (frame.t === "welcome" && this.#phase === "greeting") {
      this.#phase = "up";
      this.#cancelWelcome();
      this.#deps.up();
      this.#deps.tasks.linkUp(this.#egress);
    }
    dispatch(frame, {
      ...this.#deps,
      requests: this.#requests,
      send: (reply) => this.send(reply),
      blob: (channel, bytes) => this.#blob(channel, bytes),
      takeBlob: (name) => this.#blobs.take(name),
    });
  }

  binary(bytes: Uint8Array): void {
    if (this.#phase === "ended") return;
    const decoded = decodeFrame(bytes);
    if (!decoded.ok) return this.#refuse(decoded.error);
    if (decoded.value?.kind === "input") this.#deps.terminals.input(decoded.value);
    else if (decoded.value?.kind === "blob") this.#blobs.add(decoded.value);
    else this.#ignore(decoded.value?.kind ?? "binary", undefined);
  }

  /** Answers how many unknown frames there were. */
  end(): { unknown: number } {
    if (this.#phase !== "ended") {
      this.#phase = "ended";
      this.#cancelWelcome();
      this.#heartbeat.stop();
      this.#requests.close();
      this.#egress.close();
      this.#deps.terminals.linkDown();
      this.#deps.tasks.linkDown();
    }
    return { unknown: this.#unknown };
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }

  #blob(channel: number, bytes: Uint8Array): void {
    let offset = 0;
    do {
      const payload = bytes.subarray(offset, offset + MAX_PAYLOAD_BYTES);
      const last = offset + payload.byteLength >= bytes.byteLength;
      this.#egress.data(encodeFrame({ kind: "blob", flags: last ? FLAG.last : 0, epoch: 0, channel, offset, payload }));
      offset += payload.byteLength;
    } while (offset < bytes.byteLength);
  }

  #ignore(name: string, id: number | undefined): void {
    this.#unknown += 1;
    this.#deps.log.debug("an unknown frame was ignored", { type: name });
    if (id !== undefined && id > 0)
      this.send({
        t: "reply-error",
        id,
        error: toWire(
          maestroError("type_unknown", `This host does not know the request '${name.slice(0, 64)}'.`, { hint: "Upgrade the host-agent." }),
        ),
      });
  }

  /** [VR2] A malformed known frame is fatal to this socket only; the redial finds both sides afresh. */
  #refuse(error: MaestroError): void {
    this.#deps.log.warn("the relay sent a malformed frame", { code: error.code, detail: error.detail });
    this.#socket.close(error.code === "frame_too_large" ? CLOSE.tooLarge : CLOSE.badFrame, error.code);
  }

  #abandon(why: string): void {
    if (this.#phase === "ended") return;
    this.#deps.log.warn("the link is given up", { why });
    this.#socket.terminate();
  }
}
