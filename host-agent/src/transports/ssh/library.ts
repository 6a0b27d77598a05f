/** ssh2, loaded when the first connection is made: a host-agent without remote hosts goes without it. */

export type Ssh2 = typeof import("ssh2");

let loaded: Promise<Ssh2> | undefined;

export const loadSsh2 = (): Promise<Ssh2> => (loaded ??= import("ssh2").then((module) => module.default));
