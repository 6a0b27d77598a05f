/** Our keys, one after another, each shown once; never a password. */
import type { AnyAuthMethod } from "ssh2";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { err, ok, type Result } from "@maestro/shared/result";
import { stripUnsafe } from "@maestro/shared/sanitize";
import type { SshTarget } from "../ssh-target.ts";
import { agentOfOne } from "./agent.ts";
import type { Limits } from "./deadline.ts";
import { placeOf } from "./host-key.ts";
import { gatherOffers, passphraseNeeded, type Offer, type Offers } from "./identities.ts";
import type { Ssh2 } from "./library.ts";

export class Authentication {
  readonly #ssh2: Ssh2;
  readonly #target: SshTarget;
  readonly #agentSocket: string | undefined;
  readonly #limits: Limits;
  #offers: Offers | undefined;
  #next: number | undefined;
  /** What was tried last, so in the end what was taken. */
  how = "";

  constructor(ssh2: Ssh2, target: SshTarget, agentSocket: string | undefined, limits: Limits) {
    this.#limits = limits;
    this.#ssh2 = ssh2;
    this.#target = target;
    this.#agentSocket = agentSocket;
  }

  /** @param left the methods that the server would take; null before it said so. */
  async next(left: readonly string[] | null): Promise<Result<AnyAuthMethod>> {
    const username = this.#target.user;
    // Some let a machine in by where it comes from (Tailscale SSH); and every server answers with what it takes.
    if (this.#next === undefined) {
      this.#next = 0;
      this.how = "no key: the server trusts this machine";
      return ok({ type: "none", username });
    }
    if (left !== null && !left.includes("publickey")) return err(this.#takesNoKeys(left));
    if (this.#offers === undefined) {
      const gathered = await gatherOffers(this.#ssh2, this.#target, this.#agentSocket, this.#limits);
      if (!gathered.ok) return gathered;
      this.#offers = gathered.value;
    }
    const offer = this.#offers.offers[this.#next];
    if (offer === undefined) return err(this.#exhausted(this.#offers));
    this.#next += 1;
    this.how = nameOf(offer);
    if (offer.kind === "file") return ok({ type: "publickey", username, key: offer.key });
    return ok({ type: "agent", username, agent: agentOfOne(this.#ssh2, this.#agentSocket ?? "", offer.key) });
  }

  #takesNoKeys(left: readonly string[]): MaestroError {
    const { user } = this.#target;
    return maestroError("ssh_auth_failed", `${placeOf(this.#target)} takes no keys from ${user}, only: ${stripUnsafe(left.join(", "))}.`, {
      field: "user",
      hint: "Maestro uses keys and no passwords. See PubkeyAuthentication and AuthenticationMethods of its sshd_config.",
    });
  }

  #exhausted({ offers, passedOver, locked, certificates }: Offers): MaestroError {
    const [firstLocked] = locked;
    if (offers.length === 0 && firstLocked !== undefined) return passphraseNeeded(firstLocked);
    const tried = offers.length === 0 ? "there was no key to offer" : `refused were ${offers.map(nameOf).join(", ")}`;
    const aside = [
      ...passedOver,
      ...locked.map((path) => `${path} is locked by a passphrase`),
      ...certificates.map((path) => `${path} is a certificate, which was not shown`),
    ];
    const letIn = `ssh-copy-id -p ${this.#target.port} ${this.#target.user}@${this.#target.hostName}`;
    return maestroError(
      "ssh_auth_failed",
      `${placeOf(this.#target)} does not let ${this.#target.user} in: ${tried}${aside.length === 0 ? "" : ` (${aside.join("; ")})`}.`,
      {
        field: "identity",
        hint:
          certificates.length === 0
            ? `Is the user right, and is the public key in its ~/.ssh/authorized_keys there? ${letIn}`
            : `Maestro shows keys and no certificates: ssh2, which it connects with, speaks none. Let the key itself in: ${letIn}`,
      },
    );
  }
}

const nameOf = (offer: Offer): string =>
  offer.kind === "file" ? offer.path : `the agent's ${offer.key.comment === "" ? offer.key.type : stripUnsafe(offer.key.comment)}`;
