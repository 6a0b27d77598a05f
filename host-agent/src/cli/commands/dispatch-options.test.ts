import { expect, test } from "vitest";
import { withDispatchOptions } from "./dispatch-options.ts";

const body = { address: "10.0.0.5" };

test.each([
  [undefined, undefined],
  ["  ", undefined],
  ["-o ConnectTimeout=5", { ConnectTimeout: "5" }],
  ["-oServerAliveInterval=30  -A\n-o ConnectTimeout=5", { ServerAliveInterval: "30", ForwardAgent: "yes", ConnectTimeout: "5" }],
  ["-o ConnectTimeout=5 -o ConnectTimeout=9", { ConnectTimeout: "5" }],
  ["-o ProxyJump=user@bastion:22", { ProxyJump: "user@bastion:22" }],
])("[DISP7] REMOTE_DISPATCH_SSH_OPTS=%j adds %j", (text, options) => {
  expect(withDispatchOptions(body, text)).toEqual({ ok: true, value: options === undefined ? body : { ...body, options } });
});

test("[DISP7] what is given goes before it, however it is written", () => {
  const given = { ...body, options: { connecttimeout: "9" } };
  expect(withDispatchOptions(given, "-o ConnectTimeout=5 -A")).toEqual({
    ok: true,
    value: { ...body, options: { ForwardAgent: "yes", connecttimeout: "9" } },
  });
});

test.each(["-p 22", "-o", "-o ConnectTimeout", "-o =5", "host", "-i key"])("[DISP7] %j is named as not understood", (text) => {
  expect(withDispatchOptions(body, text)).toMatchObject({
    ok: false,
    error: { code: "field_invalid", field: "REMOTE_DISPATCH_SSH_OPTS", hint: expect.stringContaining("--identity") },
  });
});
