/**
 * The line that is pasted into a shell on the new machine: the token is in the environment, which other users cannot
 * read, and in no argv. It is all that machine gets, so whatever it must know of this server is in it.
 */
export function joinLine(origin: string, token: string, pin: string | undefined): string {
  // zsh takes the brackets of an IPv6 address for a pattern.
  const script = origin.includes("[") ? `'${origin}/install.sh'` : `${origin}/install.sh`;
  if (pin !== undefined) {
    return `curl -fsS --insecure --pinnedpubkey '${pin}' ${script} | MAESTRO_JOIN=${token} MAESTRO_PIN='${pin}' sh`;
  }
  const network = plainNetwork(new URL(origin));
  return `curl -fsSL ${script} | MAESTRO_JOIN=${token}${network === undefined ? "" : ` MAESTRO_ALLOW_HTTP=${network}`} sh`;
}

/** Whoever started the server with `--allow-http` said that its network may be trusted; the new machine has to be told, of this one address. */
function plainNetwork({ protocol, hostname }: URL): string | undefined {
  if (protocol !== "http:" || hostname === "localhost" || hostname.startsWith("127.") || hostname === "[::1]") return undefined;
  if (hostname.startsWith("[")) return `${hostname.slice(1, -1)}/128`;
  return /^[\d.]+$/.test(hostname) ? `${hostname}/32` : undefined;
}
