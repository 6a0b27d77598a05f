/** Text from programs and other people, made safe to show: no C0, C1, bidi or invisible characters. */

// C0, DEL, C1; bidi marks, embeddings, overrides and isolates; zero-width and other invisible format characters.
const UNSAFE =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]/gu;

/** For titles and labels: unsafe characters go away. */
export function stripUnsafe(text: string, maxChars = 256): string {
  return text.replace(UNSAFE, "").slice(0, maxChars);
}

/** For a person who has to see what is there: unsafe characters become `\u{…}`. */
export function escapeUnsafe(text: string): string {
  return text.replace(UNSAFE, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`);
}

export const isSafeText = (text: string): boolean => text.search(UNSAFE) === -1;

/** JSON text on its way to a person: unsafe characters become `\uXXXX`. Reading it gives what it gave before. */
export function escapeJson(text: string): string {
  // Outside of strings only blanks are unsafe, and inside of them those are escaped already.
  return text.replace(UNSAFE, (char) => (BLANK.test(char) ? char : codeUnits(char)));
}

export const safeJson = (value: object): string => escapeJson(JSON.stringify(value));

const BLANK = /^[\t\n\r]$/;
const codeUnits = (char: string): string =>
  Array.from({ length: char.length }, (_, i) => `\\u${char.charCodeAt(i).toString(16).padStart(4, "0")}`).join("");
