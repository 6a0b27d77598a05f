/** Base64 as RFC 4648 §4 has it, padded and without breaks: what is anything else is a mistake of whoever sent it. */

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const NONE = 255;
const VALUES = new Uint8Array(128).fill(NONE);
for (const [value, char] of [...ALPHABET].entries()) VALUES[char.charCodeAt(0)] = value;

/** By hand, since `atob` takes blanks and makes a string of as many characters on its way. Undefined: it is none. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length % 4 !== 0) return undefined;
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const chars = text.length - padding;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  let at = 0;
  let bits = 0;
  for (let i = 0; i < chars; i++) {
    const value = VALUES[text.charCodeAt(i)] ?? NONE;
    if (value === NONE) return undefined;
    bits = (bits << 6) | value;
    const place = i % 4;
    if (place === 0) continue;
    // Of the last character some bits belong to no byte.
    bytes[at++] = (bits >> (6 - 2 * place)) & 0xff;
  }
  return bytes;
}
