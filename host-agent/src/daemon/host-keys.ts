/** [F37] The keys this host may be known by: the one in its identity and, during a rotation, the next one. */
import type { KeyPair } from "./identity.ts";

export class HostKeys {
  #current: KeyPair;
  #next: KeyPair | undefined;
  #using: "current" | "next" = "current";

  constructor(current: KeyPair, next: KeyPair | undefined) {
    this.#current = current;
    this.#next = next;
  }

  /** The key to sign with now. */
  get active(): KeyPair {
    return this.#using === "next" && this.#next !== undefined ? this.#next : this.#current;
  }
  /** The key of an unfinished rotation. */
  get pending(): KeyPair | undefined {
    return this.#next;
  }

  begin(next: KeyPair): void {
    this.#next = next;
  }

  /** The active key was refused: true when there is another one to try. */
  switch(): boolean {
    if (this.#next === undefined) return false;
    this.#using = this.#using === "current" ? "next" : "current";
    return true;
  }

  /** The control plane took the next key. */
  promote(): void {
    if (this.#next === undefined) return;
    this.#current = this.#next;
    this.#next = undefined;
    this.#using = "current";
  }

  replace(current: KeyPair, next: KeyPair | undefined): void {
    this.#current = current;
    this.#next = next;
    this.#using = "current";
  }
}
