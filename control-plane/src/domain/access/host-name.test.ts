import { expect, test } from "vitest";
import { isOwnName } from "./host-name.ts";

test.each([
  ["127.0.0.1", true],
  ["192.168.1.9", true],
  ["[::1]", true],
  ["[fd7a:115c:a1e0::5]", true],
  ["localhost", true],
  ["box", true],
  ["BOX.local", true],
  ["box.tail1234.ts.net", true],
  ["box.local.", true],
  ["evil.example", false],
  ["box.evil.example", false],
  ["localhost.evil.example", false],
  ["127.0.0.1.evil.example", false],
  ["evilts.net", false],
  ["other.local", true],
  ["maestro", true],
  ["box.lan", true],
  ["box.home.arpa", true],
  ["maestro.localhost", true],
  ["lan", true],
  ["evil-lan.example", false],
  ["", false],
])("the name %s is one's own: %s", (name, own) => {
  expect(isOwnName(name, ["box", "box.local"])).toBe(own);
});
