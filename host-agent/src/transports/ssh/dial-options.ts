/** What a connection is made with, and what is told while it comes about. */
import type { AcceptHostKey } from "@maestro/shared/contract/remote-hosts";
import type { Clock } from "../../daemon/clock.ts";
import type { SeenHostKey } from "./host-key.ts";

export interface DialOptions {
  /** Ours, to which keys are added that somebody accepted; read beside those of the target. */
  hostKeysFile: string;
  /** For SSH_AUTH_SOCK and proxy commands. */
  env: Readonly<Record<string, string | undefined>>;
  clock: Clock;
  signal: AbortSignal;
  /** Of the target and of its jump hosts. */
  accept: AcceptHostKey | undefined;
  /** Told of the target itself, in this order. */
  observe(event: DialEvent): void;
}

export type DialEvent =
  /** `by`: who resolves it, where it is not us. */
  | { type: "resolved"; address: string; by: "us" | "proxy" }
  | { type: "connected"; via: string | undefined }
  /** `enrolled`: it was not known, and is now. */
  | { type: "host-key"; key: SeenHostKey; enrolled: boolean }
  | { type: "authenticated"; how: string };
