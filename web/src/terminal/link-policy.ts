/** Which links in terminal output may be opened, after a person has seen where they lead. */
import { escapeUnsafe } from "@maestro/shared/sanitize";

export type LinkDecision = { type: "ask"; href: string; host: string; shown: string } | { type: "refuse"; shown: string; why: string };

const MAX_URL_CHARS = 2048;

export function linkPolicy(uri: string): LinkDecision {
  const shown = escapeUnsafe(uri.slice(0, MAX_URL_CHARS));
  if (uri.length > MAX_URL_CHARS) return { type: "refuse", shown, why: "The address is longer than 2,048 characters." };
  let url: URL;
  try {
    url = new URL(uri);
  } catch {
    return { type: "refuse", shown, why: "This is not an address." };
  }
  if (url.protocol !== "http:" && url.protocol !== "https:")
    return { type: "refuse", shown, why: `Only http and https links open from a terminal, not ${url.protocol}` };
  if (url.username !== "" || url.password !== "")
    return { type: "refuse", shown, why: "The address carries a user name or password, which hides where it leads." };
  // The parsed form: hosts in ASCII (punycode), so that look-alike letters are seen.
  return { type: "ask", href: url.href, host: url.host, shown: escapeUnsafe(url.href) };
}
