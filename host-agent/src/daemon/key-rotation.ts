/**
 * [F37] Ends rotations of the host's key that somebody began (`maestro host rotate-key` writes the next key down):
 * at every welcome, and soon after the file appears under a link that is up. Until one ends, both keys are kept.
 */
import type { MaestroError } from "@maestro/shared/errors";
import { pause, type Clock } from "./clock.ts";
import type { HostKeys } from "./host-keys.ts";
import { lookForNextKey, promoteKey, type Identity } from "./identity.ts";
import type { Log } from "./log.ts";
import { rotateKey, type RotationDeps } from "./rotate-key.ts";

const LOOK_EVERY_MS = 2_000;
/** After a refusal; it is tried again at every welcome anyway. */
const RETRY_MS = 60_000;

export interface KeyRotationDeps extends Pick<RotationDeps, "paths" | "serverTime" | "signal"> {
  keys: HostKeys;
  clock: Clock;
  timeScale: number;
  log: Log;
  identity(): Identity;
  promoted(identity: Identity): void;
  /** Of the present process instance. */
  call(): Pick<RotationDeps, "claimant" | "epoch">;
  isUp(): boolean;
}

export class KeyRotation {
  readonly #deps: KeyRotationDeps;
  #settling = false;
  #notBeforeMs = 0;
  #warnedOf: string | undefined;

  constructor(deps: KeyRotationDeps) {
    this.#deps = deps;
  }

  /** Until aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, timeScale } = this.#deps;
    while (!signal.aborted) {
      await pause(clock, LOOK_EVERY_MS * timeScale, signal);
      if (!signal.aborted && this.#deps.isUp() && clock.monotonicMs() >= this.#notBeforeMs) await this.settle();
    }
  }

  /** The control plane is there: whatever is pending is ended now. */
  async settle(): Promise<void> {
    if (this.#settling) return;
    this.#settling = true;
    const { log, clock, timeScale } = this.#deps;
    try {
      if (await this.#settlePending()) log.info("the host has a new key");
    } catch (cause) {
      this.#notBeforeMs = clock.monotonicMs() + RETRY_MS * timeScale;
      log.warn("the host's new key could not be kept; the old one goes on", {
        cause: cause instanceof Error ? cause.message : String(cause),
      });
    } finally {
      this.#settling = false;
    }
  }

  /** A file that stays as it is is no news every minute. */
  #warnOnce({ detail, hint }: MaestroError): void {
    if (this.#warnedOf === detail) return;
    this.#warnedOf = detail;
    this.#deps.log.warn("the next key cannot be used", { detail, hint });
  }

  async #settlePending(): Promise<boolean> {
    const { paths, keys, serverTime, signal, clock, timeScale, log, identity, promoted } = this.#deps;
    const { key: written, problem } = lookForNextKey(paths, identity());
    if (problem === undefined) this.#warnedOf = undefined;
    else {
      this.#warnOnce(problem);
      // One that was read before goes on from memory: the control plane may know it already.
      if (keys.pending === undefined) {
        this.#notBeforeMs = clock.monotonicMs() + RETRY_MS * timeScale;
        return false;
      }
    }
    if (written !== undefined && written.public !== keys.pending?.public) keys.begin(written);
    const { pending } = keys;
    if (pending === undefined) return false;
    if (keys.active === pending) {
      promoted(promoteKey(paths, identity(), pending));
    } else {
      const rotated = await rotateKey({ paths, identity: identity(), serverTime, signal, ...this.#deps.call() });
      if (!rotated.ok) {
        this.#notBeforeMs = clock.monotonicMs() + RETRY_MS * timeScale;
        log.warn("the host's key could not be rotated", { code: rotated.error.code });
        return false;
      }
      promoted(rotated.value);
    }
    keys.promote();
    return true;
  }
}
