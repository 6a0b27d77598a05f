import { expect, test } from "vitest";
import { parseForwardEnv } from "./forward-env.ts";

test("[TK5] names are taken comma separated, each once; nothing is nothing", () => {
  expect(parseForwardEnv(undefined)).toEqual({ ok: true, value: [] });
  expect(parseForwardEnv(" NPM_TOKEN, DEPLOY_KEY,,NPM_TOKEN")).toEqual({ ok: true, value: ["NPM_TOKEN", "DEPLOY_KEY"] });
});

test.each(["NPM-TOKEN", "A,B=C", "LD_PRELOAD"])("[TK5] '%s' is refused", (text) => {
  expect(parseForwardEnv(text)).toMatchObject({ ok: false, error: { code: "field_invalid", field: "FORWARD_ENV" } });
});
