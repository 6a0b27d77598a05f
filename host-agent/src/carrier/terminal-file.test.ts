import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { MODERN_ALGORITHMS, type SshTarget } from "../transports/ssh-target.ts";
import { readTerminalFile, TerminalFiles, type TerminalFile } from "./terminal-file.ts";

let dir = "";
beforeEach(() => (dir = mkdtempSync(path.join(tmpdir(), "mtf-"))));
afterEach(() => rmSync(dir, { recursive: true }));

const direct: SshTarget = {
  alias: "gpu",
  hostName: "10.0.0.7",
  port: 22,
  user: "me",
  identityFiles: [{ path: "/k", required: true }],
  certificateFiles: [],
  identitiesOnly: false,
  agent: { kind: "environment" },
  forwardAgent: false,
  route: { kind: "direct" },
  connectTimeoutMs: 1,
  aliveIntervalMs: 2,
  aliveCountMax: 3,
  hostKeyAlias: undefined,
  knownHostsFiles: ["/n"],
  algorithms: MODERN_ALGORITHMS,
};
const file = (target: SshTarget): TerminalFile => ({
  session: "ses_one",
  host: "gpu",
  target,
  hostKeysFile: "/h",
  container: null,
  isolated: false,
  lasting: true,
  timeScale: 1,
});

test.each<[string, SshTarget]>([
  ["directly", direct],
  ["through others", { ...direct, hostKeyAlias: "other", route: { kind: "jump", hops: [direct, { ...direct, agent: { kind: "none" } }] } }],
  ["by a command", { ...direct, agent: { kind: "socket", path: "/a" }, route: { kind: "command", line: "nc %h %p" } }],
])("what is written is read again, for nobody else's eyes (%s)", (_how, target) => {
  const files = new TerminalFiles(path.join(dir, "terminals"));
  expect(files.sessions()).toEqual([]);
  files.write(file(target));
  expect(readTerminalFile(files.path("ses_one"))).toEqual({ ok: true, value: file(target) });
  expect(statSync(files.path("ses_one")).mode & 0o777).toBe(0o600);
  expect(files.sessions()).toEqual(["ses_one"]);
  files.remove("ses_one");
  expect(files.sessions()).toEqual([]);
});

test.each(["", "{}", "[", '{"session":"../x"}'])("what is no such file is refused: %s", (text) => {
  writeFileSync(path.join(dir, "x.json"), text, { mode: 0o600 });
  expect(readTerminalFile(path.join(dir, "x.json"))).toMatchObject({ ok: false, error: { code: "field_invalid" } });
});
