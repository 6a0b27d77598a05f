import { formatToken } from "@maestro/shared/token";
import { describe, expect, it } from "vitest";
import { loginBody } from "./login.ts";

const random = Uint8Array.from({ length: 80 }, (_, i) => i);
const link = formatToken("login", random);
const token = formatToken("pat", random);

describe("what was pasted to sign in", () => {
  it("takes a token, a link's secret or the whole link", () => {
    expect(loginBody(` ${token}\n`)).toEqual({ ok: true, value: { token } });
    expect(loginBody(link)).toEqual({ ok: true, value: { link } });
    expect(loginBody(`http://127.0.0.1:23000/login#${link}`)).toEqual({ ok: true, value: { link } });
  });

  it("finds a typing error and a secret of another kind before asking the server", () => {
    expect(loginBody(token.slice(0, -1))).toMatchObject({ ok: false, error: { code: "token_malformed" } });
    expect(loginBody(formatToken("join", random))).toMatchObject({ ok: false, error: { code: "token_malformed" } });
    expect(loginBody("  ")).toMatchObject({ ok: false, error: { code: "field_missing" } });
  });
});
