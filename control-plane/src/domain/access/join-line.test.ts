import { expect, test } from "vitest";
import { joinLine } from "./join-line.ts";

const PIN = "sha256//AAAA=";

test.each([
  [
    "a server that an authority vouches for",
    "https://m.example.com",
    undefined,
    "curl -fsSL https://m.example.com/install.sh | MAESTRO_JOIN=T sh",
  ],
  [
    "a pinned server",
    "https://10.0.0.5:23000",
    PIN,
    `curl -fsS --insecure --pinnedpubkey '${PIN}' https://10.0.0.5:23000/install.sh | MAESTRO_JOIN=T MAESTRO_PIN='${PIN}' sh`,
  ],
  [
    "plain http on an allowed network",
    "http://100.64.0.5:23000",
    undefined,
    "curl -fsSL http://100.64.0.5:23000/install.sh | MAESTRO_JOIN=T MAESTRO_ALLOW_HTTP=100.64.0.5/32 sh",
  ],
  [
    "the same with an IPv6 address",
    "http://[fd7a::1]:23000",
    undefined,
    "curl -fsSL 'http://[fd7a::1]:23000/install.sh' | MAESTRO_JOIN=T MAESTRO_ALLOW_HTTP=fd7a::1/128 sh",
  ],
  ["this machine only", "http://127.0.0.1:23000", undefined, "curl -fsSL http://127.0.0.1:23000/install.sh | MAESTRO_JOIN=T sh"],
])("the join line of %s is all the new machine needs", (_what, origin, pin, line) => {
  expect(joinLine(origin, "T", pin)).toBe(line);
});
