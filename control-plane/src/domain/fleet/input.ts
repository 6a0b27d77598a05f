/** Input that comes by HTTP: text or base64, as the host takes it. */
import { maestroError } from "@maestro/shared/errors";
import { err, ok, type Result } from "@maestro/shared/result";

/** As base64 and with its envelope it fits one control frame, `MAX_CONTROL_BYTES`. */
export const MAX_INPUT_BYTES = 47 * 1024;

/** base64 of the bytes to type. */
export function decodeInput(body: { text?: string | undefined; base64?: string | undefined }): Result<string> {
  const { text, base64 } = body;
  if ((text === undefined) === (base64 === undefined)) {
    return err(maestroError("field_missing", "Give exactly one of text and base64.", { field: "text" }));
  }
  const encoded = text === undefined ? base64 : base64Of(text);
  if (encoded === undefined || !BASE64.test(encoded) || encoded.length % 4 !== 0)
    return err(maestroError("field_invalid", "'base64' is not base64.", { field: "base64" }));
  const bytes = (encoded.length / 4) * 3;
  if (bytes > MAX_INPUT_BYTES + 2)
    return err(
      maestroError("body_too_large", `Input of about ${bytes} bytes; at most ${MAX_INPUT_BYTES} are taken at once.`, {
        field: text === undefined ? "base64" : "text",
        hint: "Send it in pieces.",
      }),
    );
  return ok(encoded);
}

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** UTF-8, then base64, without platform functions: percent-encoding gives the bytes. */
function base64Of(text: string): string {
  const bytes: number[] = [];
  const escaped = encodeURIComponent(text.toWellFormed());
  for (let i = 0; i < escaped.length; i++) {
    if (escaped.charAt(i) === "%") {
      bytes.push(Number.parseInt(escaped.slice(i + 1, i + 3), 16));
      i += 2;
    } else bytes.push(escaped.charCodeAt(i));
  }
  let out = "";
  for (let i = 0; i < bytes.length; i += 3) {
    const [a = 0, b, c] = [bytes[i], bytes[i + 1], bytes[i + 2]];
    const word = (a << 16) | ((b ?? 0) << 8) | (c ?? 0);
    out +=
      DIGITS.charAt(word >> 18) +
      DIGITS.charAt((word >> 12) & 63) +
      (b === undefined ? "=" : DIGITS.charAt((word >> 6) & 63)) +
      (c === undefined ? "=" : DIGITS.charAt(word & 63));
  }
  return out;
}

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
