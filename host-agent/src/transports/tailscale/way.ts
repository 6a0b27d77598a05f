/** Which way leads to a host of a tailnet: `tailscale ssh`, or plain ssh to its address there. */
import type { RemoteRecord } from "@maestro/shared/contract/remote-hosts";
import { ok, type Result } from "@maestro/shared/result";
import { locateProgram } from "../../adapters/locate.ts";
import type { Clock } from "../../daemon/clock.ts";
import { DEFAULT_PORT, type SshTarget } from "../ssh-target.ts";
import { readStatus, type Env } from "./client.ts";
import { findPeer, type Peer, type Status } from "./status.ts";

export type Way = { type: "ssh"; target: SshTarget } | TailscaleWay;

export interface TailscaleWay {
  type: "tailscale";
  /** The CLI's full path. */
  program: string;
  user: string;
  peer: Peer;
}

/** Many scripts in a row ask once. */
const FRESH_MS = 5_000;

export class Tailnet {
  readonly #env: Env;
  readonly #clock: Clock;
  #asked: { status: Promise<Result<Status>>; untilMs: number } | undefined;

  constructor(env: Env, clock: Clock) {
    this.#env = env;
    this.#clock = clock;
  }

  /** Errors: `spawn_failed`, and those of `findPeer`; nothing has been dialled then. Without the CLI none: its state is not known. */
  async wayTo(record: RemoteRecord, target: SshTarget): Promise<Result<Way>> {
    if (record.transport !== "tailscale") return ok({ type: "ssh", target });
    const program = locateProgram(["tailscale"], this.#env["PATH"] ?? "");
    if (program === undefined) return ok({ type: "ssh", target });
    const status = await this.#status(program);
    if (!status.ok) return status;
    const peer = findPeer(status.value, [record.address, target.hostName]);
    if (!peer.ok) return peer;
    if (wantsMore(record)) return ok({ type: "ssh", target });
    return ok({ type: "tailscale", program, user: target.user, peer: peer.value });
  }

  #status(program: string): Promise<Result<Status>> {
    const nowMs = this.#clock.monotonicMs();
    if (this.#asked !== undefined && nowMs < this.#asked.untilMs) return this.#asked.status;
    const status = readStatus(program, this.#env);
    this.#asked = { status, untilMs: nowMs + FRESH_MS };
    // What is wrong may be mended at once.
    void status.then(({ ok: isGood }) => {
      if (!isGood && this.#asked?.status === status) this.#asked = undefined;
    });
    return status;
  }
}

/** `tailscale ssh` takes a user and a host, and no option, port or key: whoever names one is served by ssh itself. */
const wantsMore = ({ port = DEFAULT_PORT, identity, options }: RemoteRecord): boolean =>
  port !== DEFAULT_PORT || identity !== undefined || Object.keys(options).length > 0;
