/**
 * By which names an embedded control plane lets itself be called. A page whose own name was pointed at this machine
 * (DNS rebinding) is of one origin with it, so its Origin header is no proof of anything: its name is.
 */

/** @param names those the server knows itself by, lower case. */
export function isOwnName(hostname: string, names: readonly string[]): boolean {
  const name = hostname.toLowerCase().replace(/\.$/, "");
  // Rebinding takes a name of the attacker's. Nobody gets to choose where an address, or a name of a tailnet, leads.
  return ADDRESS.test(name) || name === "localhost" || name.endsWith(".ts.net") || names.includes(name);
}

/** As URLs write them: four numbers, or IPv6 in brackets. */
const ADDRESS = /^(\d{1,3}(\.\d{1,3}){3}|\[[0-9a-f:.]+\])$/;
