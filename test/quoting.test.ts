/** [SEC2] Random words to where work runs: through a real sshd, a real container, and a container behind sshd, by the product's own shells. */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { containerShell } from "../host-agent/src/carrier/container-shell.ts";
import { processShell } from "../host-agent/src/carrier/process-shell.ts";
import type { RemoteShell } from "../host-agent/src/carrier/remote-shell.ts";
import { sshShell } from "../host-agent/src/carrier/ssh-shell.ts";
import { systemClock } from "../host-agent/src/daemon/clock.ts";
import { seededRandom } from "../host-agent/src/holder/testing/random.ts";
import { quote, quoteAssignment, quoteDirectory } from "../host-agent/src/transports/quote.ts";
import { dial } from "../host-agent/src/transports/ssh/dial.ts";
import { SshPool } from "../host-agent/src/transports/ssh/pool.ts";
import { Sshd } from "../host-agent/src/transports/ssh/testing/sshd.ts";
import { DockerEngine } from "./support/docker-engine.ts";

import { isFullRun, lacking } from "./support/system.ts";

const SEED = Number(process.env["MAESTRO_SEED"] ?? 20_261_129);
/** Of all kinds and to all places together. */
const WORDS = isFullRun ? 1_000_000 : 20_000;
const BATCH = 700;
const ALPHABET = [
  ..."'\"`$\\!*?[]{}()<>|&;#~=%^-+,:@./ \t\n\r\u0001\u001b\u007f",
  "é",
  "😀",
  "\u202e",
  "\u2028",
  "a",
  "Z",
  "0",
  "$(id)",
  "${IFS}",
  "''",
  "--",
  "\\n",
  "%s",
];
const missing = lacking("sshd", "docker");

type Words = (random: () => number) => string[];
const anyWord = (random: () => number): string =>
  Array.from({ length: Math.floor(random() * 12) }, () => ALPHABET[Math.floor(random() * ALPHABET.length)] ?? "").join("");
const words: Words = (random) => Array.from({ length: BATCH }, () => anyWord(random));
/** What a directory may be called, each once; `~` alone is the home. */
const names: Words = (random) => {
  const all = new Set<string>();
  while (all.size < BATCH) {
    const name = anyWord(random).replaceAll("/", "");
    if (!["", ".", "..", "~"].includes(name)) all.add(name);
  }
  return [...all];
};
const ended = (all: readonly string[]): Buffer => Buffer.from(all.map((word) => `${word}\0`).join(""));

describe.skipIf(missing !== undefined)(`quoting${missing === undefined ? "" : ` (skipped: ${missing})`}`, () => {
  const never = new AbortController();
  const hostKeys = mkdtempSync(join(tmpdir(), "maestro-quoting-"));
  let engine: DockerEngine;
  let sshd: Sshd;
  let pool: SshPool;
  const shells = new Map<string, RemoteShell>();

  beforeAll(async () => {
    engine = await DockerEngine.start();
    engine.container("dev");
    sshd = await Sshd.start({ SetEnv: Object.entries(engine.env).map((pair) => pair.join("="))[0] ?? "" });
    const options = { hostKeysFile: join(hostKeys, "known_hosts"), env: {}, clock: systemClock, accept: undefined, observe: () => {} };
    const reach: ConstructorParameters<typeof SshPool>[0]["dial"] = (target, signal) => dial(target, { ...options, signal });
    pool = new SshPool({ clock: systemClock, random: Math.random, timeScale: 1, dial: reach, signal: never.signal });
    const there = sshShell(pool, () => Promise.resolve({ ok: true, value: sshd.target() }), "test", systemClock);
    shells.set("sshd", there);
    shells.set(
      "a container here",
      containerShell(
        processShell(() => ({ ...process.env, ...engine.env }), systemClock),
        "dev",
      ),
    );
    shells.set("a container there", containerShell(there, "dev"));
  });
  afterAll(async () => {
    never.abort();
    await pool?.[Symbol.asyncDispose]();
    await sshd?.[Symbol.asyncDispose]();
    await engine?.[Symbol.asyncDispose]();
    rmSync(hostKeys, { recursive: true, force: true });
  });

  const kinds: Record<string, (random: () => number) => { script: string; args?: string[]; stdin?: Uint8Array; expected: Buffer }> = {
    arguments(random) {
      const all = words(random);
      return { script: "printf '%s\\0' \"$@\"", args: all, expected: ended(all) };
    },
    "words of a script"(random) {
      const all = words(random);
      return { script: all.map((word) => `printf '%s\\0' ${quote(word)}`).join("\n"), expected: ended(all) };
    },
    "environment values"(random) {
      const all = words(random);
      // Of a process of its own, not only of the shell.
      const lines = all.map((word) => `${quoteAssignment("V", word)}; printf '%s\\0' "$V"`);
      const [first = ""] = all;
      const own = `${quoteAssignment("V", first)}; export V; sh -c 'printf "%s\\0" "$V"'`;
      return { script: [own, ...lines].join("\n"), expected: ended([first, ...all]) };
    },
    paths(random) {
      const all = names(random);
      const entered = all.map((name) => `cd ${quoteDirectory(name)} && printf '%s\\0' "\${PWD#"$top"/}"; cd "$top"`);
      const script = `top=$(mktemp -d) && top=$(cd "$top" && pwd -P) && cd "$top" && mkdir -- ${all.map(quote).join(" ")} || exit 1
${entered.join("\n")}
cd / && rm -rf "$top"`;
      return { script, expected: ended(all) };
    },
    "bytes on stdin"(random) {
      const stdin = Uint8Array.from({ length: BATCH * 12 }, () => Math.floor(random() * 256));
      return { script: "sha256sum", stdin, expected: Buffer.from(`${createHash("sha256").update(stdin).digest("hex")}  -\n`) };
    },
  };

  const PLACES = ["sshd", "a container here", "a container there"];
  const cases = PLACES.flatMap((place) => Object.keys(kinds).map((kind) => ({ place, kind })));
  const rounds = Math.ceil(WORDS / BATCH / cases.length);

  test.each(cases)("[SEC2] $kind come to $place as they are", { timeout: 1_800_000 }, async ({ place, kind }) => {
    const shell = shells.get(place);
    const make = kinds[kind];
    if (shell === undefined || make === undefined) throw new Error(`no ${place}, or no ${kind}`);
    const random = seededRandom(SEED + cases.findIndex((one) => one.place === place && one.kind === kind));
    for (let round = 0; round < rounds; round++) {
      const { script, args = [], stdin, expected } = make(random);
      const ran = await shell.run(script, args, { ...(stdin === undefined ? {} : { stdin }), deadlineMs: 120_000, signal: never.signal });
      if (!ran.ok) throw new Error(`seed ${SEED}, round ${round}: ${ran.error.code}: ${ran.error.detail}`);
      expect(ran.value.exit, ran.value.stderr).toEqual({ type: "exit", code: 0 });
      expect(Buffer.from(ran.value.stdout).equals(expected), `seed ${SEED}, round ${round}`).toBe(true);
    }
  });
});
