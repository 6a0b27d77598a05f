/** What is offered in negotiation, in ssh2's names; what it does not know is left out. */
import type { Algorithms, CipherAlgorithm, KexAlgorithm, MacAlgorithm, ServerHostKeyAlgorithm } from "ssh2";
import { maestroError } from "@maestro/shared/errors";
import { err, ok, type Result } from "@maestro/shared/result";
import type { SshAlgorithms } from "../ssh-target.ts";

const KEX: readonly KexAlgorithm[] = [
  "curve25519-sha256",
  "curve25519-sha256@libssh.org",
  "ecdh-sha2-nistp256",
  "ecdh-sha2-nistp384",
  "ecdh-sha2-nistp521",
  "diffie-hellman-group-exchange-sha256",
  "diffie-hellman-group14-sha256",
  "diffie-hellman-group15-sha512",
  "diffie-hellman-group16-sha512",
  "diffie-hellman-group17-sha512",
  "diffie-hellman-group18-sha512",
];
const HOST_KEYS: readonly ServerHostKeyAlgorithm[] = [
  "ssh-ed25519",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "rsa-sha2-512",
  "rsa-sha2-256",
];
const CIPHERS: readonly CipherAlgorithm[] = [
  "chacha20-poly1305@openssh.com",
  "aes128-gcm@openssh.com",
  "aes256-gcm@openssh.com",
  "aes128-ctr",
  "aes192-ctr",
  "aes256-ctr",
];
const MACS: readonly MacAlgorithm[] = ["hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512"];

/** ssh2 computes it in buffers that all connections share: inside another connection it spoils both (seen with 1.17.0). */
const NOT_NESTED = "chacha20-poly1305@openssh.com";

/**
 * @param hostKeys in the order of preference: types that are known of the host come first.
 * @param nested the connection runs inside another one of ours.
 * Errors: `ssh_protocol`.
 */
export function offered(algorithms: SshAlgorithms, hostKeys: readonly string[], nested: boolean): Result<Algorithms> {
  const lists = {
    kex: spoken(algorithms.kex, KEX),
    serverHostKey: spoken(hostKeys, HOST_KEYS),
    cipher: spoken(algorithms.ciphers, CIPHERS).filter((name) => !nested || name !== NOT_NESTED),
    hmac: spoken(algorithms.macs, MACS),
  };
  const empty = Object.entries(lists).find(([, names]) => names.length === 0);
  if (empty === undefined) return ok(lists);
  return err(
    maestroError("ssh_protocol", `None of the ${WORDS[empty[0]] ?? empty[0]} that are asked for can be spoken here.`, {
      hint: "Leave Ciphers, MACs, KexAlgorithms and HostKeyAlgorithms to their defaults, or name modern ones.",
    }),
  );
}

/** Of our own keys: RSA ones are of one type whatever digest they sign with. */
export const maySign = (algorithms: SshAlgorithms, keyType: string): boolean =>
  algorithms.publicKeys.some((name) => (name.startsWith("rsa-sha2-") ? "ssh-rsa" : name) === keyType);

const spoken = <T extends string>(names: readonly string[], all: readonly T[]): T[] =>
  names.flatMap((name) => all.filter((one) => one === name));

const WORDS: Readonly<Record<string, string>> = {
  kex: "key exchanges",
  serverHostKey: "types of host keys",
  cipher: "ciphers",
  hmac: "MACs",
};
