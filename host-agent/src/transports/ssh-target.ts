/** Where an SSH connection goes and how, with every default and every line of ssh_config(5) already decided. */

export interface SshTarget {
  /** The name that was asked for; `hostName` is what it stands for. */
  alias: string;
  hostName: string;
  port: number;
  user: string;
  /** In the order in which they are tried. */
  identityFiles: Identity[];
  /** Named by ssh_config(5). ssh2 shows none: they are told of where a host does not let us in. */
  certificateFiles: string[];
  /** Keys of the agent are offered only if they belong to one of `identityFiles`. */
  identitiesOnly: boolean;
  agent: IdentityAgent;
  /** Whether the agent may be shown to the other side where work asks for it. */
  forwardAgent: boolean;
  route: Route;
  /** Until authentication is through. */
  connectTimeoutMs: number;
  aliveIntervalMs: number;
  /** Unanswered ones after which the connection is lost. */
  aliveCountMax: number;
  /** Under which name its host key is known, instead of `hostName` and `port`. */
  hostKeyAlias: string | undefined;
  /** Read in this order; those that do not exist count as empty. */
  knownHostsFiles: string[];
  /** In the order of preference, by OpenSSH's names. */
  algorithms: SshAlgorithms;
}

export interface Identity {
  path: string;
  /** Of the record: its absence is an error. One of ssh_config or a default may be absent. */
  required: boolean;
}

export type IdentityAgent = { kind: "environment" } | { kind: "socket"; path: string } | { kind: "none" };

/** `jump`: through these in turn; only the first may have a route of its own, a `command`. `command`: it talks on its stdin and stdout. */
export type Route = { kind: "direct" } | { kind: "jump"; hops: SshTarget[] } | { kind: "command"; line: string };

export interface SshAlgorithms {
  kex: string[];
  hostKeys: string[];
  ciphers: string[];
  macs: string[];
  /** With which our keys sign. */
  publicKeys: string[];
}

export const DEFAULT_PORT = 22;
export const DEFAULT_CONNECT_TIMEOUT_MS = 10_000;
export const DEFAULT_ALIVE_INTERVAL_MS = 15_000;
export const DEFAULT_ALIVE_COUNT_MAX = 3;

/** In ssh's order; those that do not exist are passed over. */
export const DEFAULT_IDENTITIES = ["id_ed25519", "id_ecdsa", "id_rsa"];

/** What ssh2 speaks, without SHA-1, CBC and short groups; ciphers that Node's own OpenSSL does come first, as ssh2 does the other in JavaScript. */
export const MODERN_ALGORITHMS: SshAlgorithms = {
  kex: [
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group-exchange-sha256",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group18-sha512",
    "diffie-hellman-group14-sha256",
  ],
  hostKeys: ["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "rsa-sha2-512", "rsa-sha2-256"],
  ciphers: ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr"],
  macs: ["hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512"],
  publicKeys: ["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "rsa-sha2-512", "rsa-sha2-256"],
};
