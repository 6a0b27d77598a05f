/** OSC 52, `<targets>;<base64>`: a question is refused, a write becomes an offer of at most 64 KiB of text. */
import { escapeUnsafe } from "@maestro/shared/sanitize";

export const MAX_CLIPBOARD_BYTES = 64 * 1024;

export type ClipboardRequest = { type: "refused" } | { type: "too-large" } | { type: "offer"; text: string; preview: string };

export const CLIPBOARD_REFUSALS = {
  "too-large": "The program wanted to copy more than 64 KiB. Refused.",
  refused: "The program asked for your clipboard. Refused.",
} as const satisfies Record<Exclude<ClipboardRequest["type"], "offer">, string>;

export function clipboardRequest(data: string): ClipboardRequest {
  const at = data.indexOf(";");
  const payload = at < 0 ? "" : data.slice(at + 1);
  if (payload === "" || payload === "?") return { type: "refused" };
  if (payload.length > Math.ceil(MAX_CLIPBOARD_BYTES / 3) * 4) return { type: "too-large" };
  let binary: string;
  try {
    binary = atob(payload);
  } catch {
    return { type: "refused" };
  }
  if (binary.length > MAX_CLIPBOARD_BYTES) return { type: "too-large" };
  const text = new TextDecoder().decode(Uint8Array.from(binary, (char) => char.charCodeAt(0)));
  return { type: "offer", text, preview: escapeUnsafe(text.slice(0, 120)) };
}
