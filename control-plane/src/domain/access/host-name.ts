/**
 * By which names an embedded control plane lets itself be called. A page whose own name was pointed at this machine
 * (DNS rebinding) is of one origin with it, so its Origin header is no proof of anything: its name is.
 */

/** @param names those the server knows itself by, lower case. */
export function isOwnName(hostname: string, names: readonly string[]): boolean {
  const name = hostname.toLowerCase().replace(/\.$/, "");
  if (name === "") return false;
  // Rebinding takes a public name of the attacker's: nobody gets to choose where an address leads, a name without dots, or one
  // of an ending that is not given out.
  return ADDRESS.test(name) || !name.includes(".") || PRIVATE.some((ending) => name.endsWith(ending)) || names.includes(name);
}

/** A tailnet's, and endings that public registries never give out: of this machine, of a local network, of a company's own. */
const PRIVATE = [".ts.net", ".localhost", ".local", ".lan", ".home", ".home.arpa", ".internal", ".fritz.box"];

/** As URLs write them: four numbers, or IPv6 in brackets. */
const ADDRESS = /^(\d{1,3}(\.\d{1,3}){3}|\[[0-9a-f:.]+\])$/;
