import { describe, expect, test } from "vitest";
import { pick, seededRandom, type Random } from "../holder/testing/random.ts";
import { secretForms } from "./redact-forms.ts";
import { Redactor } from "./redact.ts";

/** What a straightforward reader would do: every form, everywhere, in one go. */
function oneShot(secrets: readonly string[], text: Buffer): Buffer {
  const out = Buffer.from(text);
  const { kept, at } = unbroken(text);
  for (const form of secrets.flatMap(secretForms)) {
    const pattern = unbroken(Buffer.from(form)).kept;
    if (pattern.length < 6) continue;
    for (let found = kept.indexOf(pattern); found !== -1; found = kept.indexOf(pattern, found + 1)) {
      for (let byte = at[found] ?? 0; byte <= (at[found + pattern.length - 1] ?? 0); byte += 1)
        if (out[byte] !== 10 && out[byte] !== 13) out[byte] = 42;
    }
  }
  return out;
}

/** Without the first two of each run of breaks, and where what is left stood. */
function unbroken(text: Buffer): { kept: string; at: number[] } {
  const marked = text.toString("latin1").replace(/[\r\n]+/g, (run) => "\u{100}".repeat(Math.min(2, run.length)) + run.slice(2));
  const at = [...marked.matchAll(/[^\u{100}]/gsu)].map(({ index }) => index);
  return { kept: marked.replaceAll("\u{100}", ""), at };
}

function inPieces(secrets: readonly string[], text: Buffer, sizes: () => number): { out: Buffer; blotted: Buffer; most: number } {
  const redactor = new Redactor(secrets);
  const blotted = Buffer.from(text);
  const parts: Uint8Array[] = [];
  let given = 0;
  let most = 0;
  const take = ({ bytes, blots }: ReturnType<Redactor["push"]>): void => {
    parts.push(Buffer.from(bytes));
    for (const { from, to } of blots) blotted.set(bytes.subarray(from - given, to - given), from);
    given += bytes.byteLength;
  };
  for (let at = 0; at < text.byteLength;) {
    const chunk = Buffer.from(text.subarray(at, at + sizes()));
    at += chunk.byteLength;
    take(redactor.push(chunk));
    most = Math.max(most, at - given);
  }
  take(redactor.flush());
  return { out: Buffer.concat(parts), blotted, most };
}

const redactWhole = (secrets: readonly string[], text: string): string =>
  inPieces(secrets, Buffer.from(text), () => text.length).out.toString();

describe("[LG4] known secrets are blotted out", () => {
  const secret = "s3cr3t/value+with=stuff & more";

  test.each([
    ["as it is", secret],
    ["in JSON", JSON.stringify(secret).slice(1, -1)],
    ["in a URL", encodeURIComponent(secret)],
    ["in a URL of a form", new URLSearchParams({ v: secret }).toString().slice(2)],
    ["in lower-case percent signs", encodeURIComponent(secret).replace(/%../g, (found) => found.toLowerCase())],
  ])("%s", (_how, form) => {
    expect(redactWhole([secret], `<${form}>`)).toBe(`<${"*".repeat(Buffer.byteLength(form))}>`);
  });

  test.each(["", "a", "ab", "abc", "user:"])("within base64, behind '%s', in both alphabets", (before) => {
    for (const alphabet of ["base64", "base64url"] as const) {
      const clean = redactWhole([secret], Buffer.from(`${before}${secret}:tail`).toString(alphabet));
      const decoded = Buffer.from(clean.replaceAll("*", "A"), alphabet).toString("latin1");
      // At most a byte at either edge, of which a neighbour's bits are a part.
      for (let at = 1; at + 4 < secret.length; at += 1) expect(decoded).not.toContain(secret.slice(at, at + 4));
    }
  });

  test("a multi-line key, raw and as a JSON string", () => {
    const key = '-----BEGIN KEY-----\nabc"def\\ghi\n-----END KEY-----\n';
    expect(redactWhole([key], `${key}${JSON.stringify(key)}`)).toMatch(/^[*\n]+"\*+"$/);
  });

  test("in lines that base64, a terminal or Windows breaks", () => {
    const long = "mst_att_0123456789abcdefghijklmnopqrstuvwxyz-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-0123456789";
    const wrapped = (text: string, width: number, end: string): string => text.replace(new RegExp(`.{${width}}`, "g"), `$&${end}`);
    for (const end of ["\n", "\r\n"]) {
      const encoded = wrapped(Buffer.from(`x${long}`).toString("base64"), 76, end);
      expect(redactWhole([long], `${encoded}\n`)).toMatch(/^..?\*+\r?\n\*+.{0,4}\r?\n/);
      expect(redactWhole([long], wrapped(long, 80, end))).toMatch(/^\*{80}\r?\n\*+$/);
    }
    expect(redactWhole(["abcdefgh"], "abcd\n\n\nefgh")).toBe("abcd\n\n\nefgh");
  });

  test("the length stays, and what is shorter than six bytes stays too", () => {
    expect(redactWhole(["abcde", "abcdef"], "abcde abcdef abcdefg")).toBe("abcde ****** ******g");
  });

  test("secrets that overlap are blotted as a whole", () => {
    expect(redactWhole(["abcdefgh", "ghijklmn", "defghi"], "-abcdefghijklmn-")).toBe("-**************-");
  });

  test("what could become a secret is held back, no more than that, and given out at the end", () => {
    const redactor = new Redactor(["topsecret"]);
    expect(Buffer.from(redactor.push(Buffer.from("it is a tops")).bytes).toString()).toBe("it is a ");
    expect(Buffer.from(redactor.push(Buffer.from("oil")).bytes).toString()).toBe("topsoil");
    expect(Buffer.from(redactor.push(Buffer.from(" topsecre")).bytes).toString()).toBe(" ");
    expect(Buffer.from(redactor.flush().bytes).toString()).toBe("topsecre");
  });

  test("cut at every place, the outcome is the same", () => {
    const text = Buffer.from(`x${secret}y${Buffer.from(`q${secret}`).toString("base64")}z${encodeURIComponent(secret)}`);
    const expected = oneShot([secret], text);
    expect(expected.includes("*")).toBe(true);
    for (let cut = 1; cut < text.byteLength; cut += 1) {
      let first = true;
      const { out, blotted } = inPieces([secret], text, () => {
        const size = first ? cut : text.byteLength;
        first = false;
        return size;
      });
      expect(out.equals(expected), `cut at ${cut}`).toBe(true);
      expect(blotted.equals(expected), `in the file, cut at ${cut}`).toBe(true);
    }
  });

  test("at random: any pieces equal one, the file equals the stream, and what is held back is bounded", () => {
    const seed = Number(process.env["MAESTRO_TEST_SEED"] ?? 20_261_128);
    const random = seededRandom(seed);
    for (let round = 0; round < 400; round += 1) {
      // Few letters, so that secrets overlap, repeat and begin within each other.
      const secrets = Array.from({ length: int(random, 1, 5) }, () => letters(random, int(random, 3, 14)));
      const pieces = Array.from({ length: int(random, 1, 40) }, () => {
        const kind = int(random, 0, 4);
        const secret = secrets[int(random, 0, secrets.length - 1)] ?? "";
        if (kind === 0) return letters(random, int(random, 0, 20));
        if (kind === 1) return secret.slice(0, int(random, 0, secret.length));
        if (kind === 2) return Buffer.from(letters(random, int(random, 0, 4)) + secret).toString("base64");
        return kind === 3 ? encodeURIComponent(secret) : secret;
      });
      const text = Buffer.from(pieces.join(""));
      const expected = oneShot(secrets, text);
      const longest = Math.max(1, ...secrets.flatMap(secretForms).map((form) => form.byteLength));
      const { out, blotted, most } = inPieces(secrets, text, () => int(random, 1, 30));
      expect(out.toString("latin1"), `seed ${seed} round ${round}`).toBe(expected.toString("latin1"));
      expect(blotted.equals(out), `seed ${seed} round ${round}`).toBe(true);
      expect(most, `seed ${seed} round ${round}`).toBeLessThan(3 * longest);
    }
  });

  test("200 secrets of any kind do not make a flood wait", () => {
    const random = seededRandom(7);
    const secrets = Array.from({ length: 200 }, () =>
      Buffer.from(Array.from({ length: int(random, 20, 60) }, () => int(random, 33, 126))).toString(),
    );
    const redactor = new Redactor(secrets);
    const line = Buffer.from("2026-11-28T12:00:00Z INFO compiled module in 120 ms, nothing to see here\n".repeat(3_600));
    const began = performance.now();
    for (let round = 0; round < 32; round += 1) redactor.push(Buffer.from(line));
    const perSecond = (32 * line.byteLength) / ((performance.now() - began) / 1000);
    expect(perSecond).toBeGreaterThan(4 * 1024 * 1024);
  });
});

const int = (random: Random, min: number, max: number): number => min + Math.floor(random() * (max - min + 1));

const letters = (random: Random, length: number): string =>
  Array.from({ length }, () => pick(random, ["a", "b", "c", "%", "é", '"', "\n", "\r"])).join("");
