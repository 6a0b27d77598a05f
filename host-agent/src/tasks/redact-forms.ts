/** [LG4] How a secret may look in a log: as it is, escaped for JSON or a URL, and within base64. Pure. */

/** Anything shorter is found everywhere and gives nothing away that a guess would not. */
export const MIN_SECRET_BYTES = 6;

export function secretForms(secret: string): Uint8Array[] {
  const raw = Buffer.from(secret, "utf8");
  if (raw.byteLength < MIN_SECRET_BYTES) return [];
  const forms = new Map<string, Buffer>();
  for (const form of [raw, ...escaped(secret, raw), ...encoded(raw)]) {
    if (form.byteLength >= MIN_SECRET_BYTES) forms.set(form.toString("latin1"), form);
  }
  return [...forms.values()];
}

/** Agent CLIs print JSON lines, and programs print addresses. */
function escaped(secret: string, raw: Buffer): Buffer[] {
  const strict = percent(raw, /[A-Za-z0-9\-_.~]/);
  // What `encodeURIComponent` leaves as it is.
  const loose = percent(raw, /[A-Za-z0-9\-_.~!'()*]/);
  const query = strict.replaceAll("%20", "+");
  return [JSON.stringify(secret).slice(1, -1), strict, lowerHex(strict), loose, lowerHex(loose), query].map((text) =>
    Buffer.from(text, "utf8"),
  );
}

const percent = (raw: Buffer, kept: RegExp): string =>
  [...raw]
    .map((byte) => {
      const char = String.fromCharCode(byte);
      return kept.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
    })
    .join("");

const lowerHex = (text: string): string => text.replace(/%[0-9A-F]{2}/g, (found) => found.toLowerCase());

/**
 * Behind 0, 1 or 2 bytes of something else the same secret becomes other characters. The ones at both edges depend on
 * the neighbours too and are left out: what remains is the same wherever it stands.
 */
function encoded(raw: Buffer): Buffer[] {
  return [0, 1, 2].flatMap((before) => {
    const text = Buffer.concat([Buffer.alloc(before), raw]).toString("base64");
    const first = Math.ceil((before * 8) / 6);
    const last = Math.floor(((before + raw.byteLength) * 8) / 6);
    const core = text.slice(first, last);
    return [core, core.replaceAll("+", "-").replaceAll("/", "_")].map((form) => Buffer.from(form, "latin1"));
  });
}
