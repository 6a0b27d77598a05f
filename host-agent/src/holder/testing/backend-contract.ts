/** What every backend with a program in it must do; run by each backend's test through a holder of its own. */
import { createHash, randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import * as path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { advance, type Cursor } from "@maestro/shared/protocol/cursor";
import type { HolderClient } from "../client.ts";
import { readStat } from "../processes.ts";
import type { CreateSpec, SessionInfo } from "../types.ts";
import { AMPLE, Ear, HolderFixture, spec, value } from "./fixture.ts";

export interface BackendUnderTest {
  kind: "tmux" | "pty";
  /** Bytes of the exactness run. */
  bulkBytes: number;
}

/** A program in a session that is subscribed from its first byte. */
export async function launch(client: HolderClient, overrides: Partial<CreateSpec>): Promise<SessionInfo> {
  const info = value(await client.create(spec(overrides)));
  value(await client.subscribe(info.id, { from: { epoch: info.epoch, offset: 0 }, credit: AMPLE }));
  return info;
}

const sh = (script: string): string[] => ["/bin/sh", "-c", script];

export function backendContract({ kind, bulkBytes }: BackendUnderTest): void {
  describe(`${kind} backend`, () => {
    const fixture = new HolderFixture();
    let client: HolderClient;
    const ear = new Ear();

    beforeAll(async () => {
      await fixture.start();
      client = await fixture.connect(ear);
    }, 30_000);
    afterAll(() => fixture.dispose(), 30_000);

    const ends = async (id: string): Promise<SessionInfo["end"]> => {
      await ear.ended(id);
      return ear.changes.flatMap(({ upsert }) => upsert).findLast((info) => info.id === id)?.end;
    };

    test("a program's whole output and its exit code are told", async () => {
      const { id } = await launch(client, { backend: kind, argv: sh("echo one; echo two; exit 7") });
      expect(await ends(id)).toMatchObject({ reason: "exited", code: 7 });
      await ear.until(() => ear.text(id) === "one\r\ntwo\r\n");
    });

    test("a program killed by a signal ends with that signal", async () => {
      const { id } = await launch(client, { backend: kind, argv: sh("kill -TERM $$; sleep 5") });
      const end = await ends(id);
      expect(end).toMatchObject({ reason: "exited", signal: "SIGTERM" });
      expect(end?.code).toBeUndefined();
    });

    test("input reaches the program in order and byte by byte, also what is no text", async () => {
      const { id } = await launch(client, { backend: kind, argv: sh("stty raw -echo; echo ready; head -c 512 | od -An -v -tx1") });
      await ear.until(() => ear.text(id).includes("ready"));
      const bytes = Buffer.from(Array.from({ length: 512 }, (_, i) => i % 256));
      client.input(id, bytes.subarray(0, 100));
      client.input(id, bytes.subarray(100, 101));
      client.input(id, bytes.subarray(101));
      await ends(id);
      const seen =
        ear
          .text(id)
          .split("ready")[1]
          ?.match(/\b[0-9a-f]{2}\b/g) ?? [];
      expect(Buffer.from(seen.join(""), "hex").equals(bytes)).toBe(true);
    });

    test("a paste of 256 KiB arrives whole", async () => {
      const size = 256 * 1024;
      const { id } = await launch(client, { backend: kind, argv: sh(`stty raw -echo; echo ready; head -c ${size} | sha256sum`) });
      await ear.until(() => ear.text(id).includes("ready"));
      const bytes = Buffer.from(Array.from({ length: size }, (_, i) => (i * 7 + (i >> 8)) % 256));
      for (let at = 0; at < size; at += 16_384) expect(value(await client.send(id, bytes.subarray(at, at + 16_384)))).toBeGreaterThan(0);
      await ends(id);
      expect(ear.text(id)).toContain(createHash("sha256").update(bytes).digest("hex"));
    });

    test("[VW3] a resize reaches the program as SIGWINCH and everybody as the session's size", async () => {
      const { id } = await launch(client, {
        backend: kind,
        argv: sh("trap 'stty size' WINCH; stty size; while :; do sleep 0.05; done"),
        cols: 91,
        rows: 23,
      });
      await ear.until(() => ear.text(id).includes("23 91\r\n"));
      expect(value(await client.resize(id, 100, 40))).toBeDefined();
      await ear.until(() =>
        ear.changes.some(({ upsert }) => upsert.some((info) => info.id === id && info.cols === 100 && info.rows === 40)),
      );
      await ear.until(() => ear.text(id).includes("40 100\r\n"));
      value(await client.kill(id));
    });

    test("it is a terminal: job control, and Ctrl-C reaches the foreground", async () => {
      const { id } = await launch(client, {
        backend: kind,
        argv: ["bash", "--norc", "-i"],
        env: { PS1: "$ ", NODE: process.execPath, SCRIPT: STOPPABLE },
      });
      const type = (line: string): boolean => client.input(id, Buffer.from(line));
      await ear.until(() => ear.text(id).includes("$ "));
      type('"$NODE" -e "$SCRIPT"\r');
      await ear.until(() => ear.text(id).includes("go\r\n"));
      type("\x1a");
      await ear.until(() => ear.text(id).includes("Stopped"));
      type("fg\r");
      await ear.until(() => ear.text(id).includes("cont\r\n"));
      type("\x03");
      await ear.until(() => ear.text(id).includes("^C"));
      type(`echo still-he""re\r`);
      await ear.until(() => ear.text(id).includes("still-here\r\n"));
      type("exit 5\r");
      expect(await ends(id)).toMatchObject({ reason: "exited", code: 5 });
    }, 20_000);

    test("the program starts in its directory with its variables and nothing of the holder's", async () => {
      const { id } = await launch(client, {
        backend: kind,
        argv: sh("pwd; env"),
        cwd: "/tmp",
        env: { GIVEN: "a 'b' \"c\" $d \\ é\nnext" },
      });
      await ends(id);
      const text = ear.text(id).replaceAll("\r\n", "\n");
      expect(text).toContain("/tmp\n");
      expect(text).toContain("GIVEN=a 'b' \"c\" $d \\ é\nnext\n");
      expect(text).toContain(`MAESTRO_SESSION=${id}`);
      expect(text).toContain("COLORTERM=truecolor");
      expect(text).toContain("TERM=xterm-256color");
      for (const foreign of ["VITEST", "TMUX=", "TMUX_PANE", "TMUX_TMPDIR", "npm_"]) expect(text).not.toContain(foreign);
    });

    test("arguments are arguments: no shell sees them", async () => {
      const odd = ["a b", "'", '"', "$(touch /tmp/never)", ";", "\\", "new\nline", "~", "#{pid}", "-x", "é日本"];
      const { id } = await launch(client, {
        backend: kind,
        argv: [process.execPath, "-e", "process.stdout.write(JSON.stringify(process.argv.slice(1)))", "--", ...odd],
      });
      await ends(id);
      expect(JSON.parse(ear.text(id))).toEqual(odd);
    });

    test("no argv: the user's login shell", async () => {
      const { id } = await launch(client, { backend: kind, argv: [], env: { SHELL: "/bin/sh" } });
      client.input(id, Buffer.from("echo $0-is-it; exit\r"));
      await ends(id);
      expect(ear.text(id)).toContain("-is-it");
    });

    test("a command or directory that is not there is refused by name, and leaves no session", async () => {
      const before = value(await client.list()).length;
      for (const [overrides, detail] of [
        [{ argv: ["no-such-program"] }, /no-such-program/],
        [{ argv: ["/etc/passwd"] }, /\/etc\/passwd.*EACCES/],
        [{ argv: ["/tmp"] }, /not a file/],
        [{ argv: ["/bin/true"], cwd: "/no/such/dir" }, /\/no\/such\/dir.*does not exist/],
        [{ argv: ["/bin/true"], cwd: "/etc/passwd" }, /not a directory/],
      ] as const) {
        const refused = await client.create(spec({ backend: kind, ...overrides }));
        expect(refused).toMatchObject({ ok: false, error: { code: "spawn_failed" } });
        if (!refused.ok) expect(refused.error.detail).toMatch(detail);
      }
      expect(value(await client.list())).toHaveLength(before);
    });

    test("kill ends the whole session: children in the background and those that ignore the hang-up", async () => {
      const { id } = await launch(client, {
        backend: kind,
        argv: [
          "bash",
          "--norc",
          "-c",
          "(trap '' HUP TERM; echo stubborn $BASHPID; while :; do sleep 0.05; done) & setsid sleep 1000 & echo free $!; wait",
        ],
      });
      await ear.until(() => /stubborn \d+/.test(ear.text(id)) && /free \d+/.test(ear.text(id)));
      const pids = [...ear.text(id).matchAll(/(?:stubborn|free) (\d+)/g)].map(([, pid]) => Number(pid));
      expect(value(await client.kill(id))).toBe(true);
      expect((await ends(id))?.reason).toBe("killed");
      // One that nobody has waited for yet is as dead as any.
      for (const pid of pids) expect(readStat(pid)?.state ?? "Z").toBe("Z");
      expect(value(await client.kill(id))).toBe(false);
    }, 20_000);

    test("title and working directory are told, made safe to show", async () => {
      const { id } = await launch(client, { backend: kind, argv: sh("cd /usr; printf '\\033]2;a\\342\\200\\256b\\007'; read x") });
      await ear.until(() => ear.changes.some(({ upsert }) => upsert.some((info) => info.id === id && info.title === "ab")));
      const listed = value(await client.list()).find((info) => info.id === id);
      expect(listed).toMatchObject({ cwd: "/usr", backend: kind });
      value(await client.kill(id));
    });

    test("[CH4] the screen can be read as text, and as bytes that make it again", async () => {
      const { id } = await launch(client, { backend: kind, argv: sh("printf 'plain\\n\\033[1;31mred\\033[0m'; read x") });
      await ear.until(() => ear.text(id).includes("\x1b[0m"));
      expect(Buffer.from(value(await client.screen(id, "text")).bytes).toString()).toBe("plain\nred\n");
      expect(Buffer.from(value(await client.screen(id, "ansi")).bytes).toString()).toContain("\x1b[0;1;31mred");
      value(await client.kill(id));
    });

    test(`[CH1] ${bulkBytes / 1_000_000} MB arrive byte by byte at a reader that grants in steps`, async () => {
      const flood = floodIn(fixture, bulkBytes);
      const { id, epoch } = value(await client.create(spec({ backend: kind, argv: flood.argv })));
      const seen = createHash("sha256");
      const exact = new Ear();
      exact.keep = false;
      const reader = await fixture.connect(exact);
      let cursor: Cursor = { epoch, offset: 0 };
      exact.onOutput = (event) => {
        const step = advance(cursor, { epoch: event.epoch, offset: event.offset, length: event.bytes.byteLength });
        if (step.type !== "take") throw new Error(`cursor: ${step.type}`);
        seen.update(event.bytes.subarray(step.skip));
        cursor = step.next;
        if (cursor.offset >= granted) reader.grant(id, { epoch, upTo: (granted += 131_072 + (cursor.offset % 7_919)) });
      };
      let granted = 65_536;
      value(await reader.subscribe(id, { from: { epoch, offset: 0 }, credit: granted }));
      flood.go();
      await exact.until(() => cursor.offset >= bulkBytes, 55_000);
      expect(cursor.offset).toBe(bulkBytes);
      expect(exact.gaps).toEqual([]);
      expect(seen.digest("hex")).toBe(floodDigest(bulkBytes));
      await exact.ended(id);
      reader.close();
    }, 60_000);
  });
}

/** Says when it is the foreground again. One process: a shell that forks just then could stop half way. */
const STOPPABLE = 'process.on("SIGCONT", () => console.log("cont")); console.log("go"); setInterval(() => {}, 1000)';

/** Begins when its second argument is there. Printable bytes that never repeat for long, without newlines that a terminal would change. */
const FLOOD = `
const size = Number(process.argv[1]);
const { existsSync, writeSync } = require("node:fs");
require("node:child_process").execFileSync("stty", ["raw"], { stdio: "inherit" });
const never = new Int32Array(new SharedArrayBuffer(4));
while (!existsSync(process.argv[2])) Atomics.wait(never, 0, 0, 5);
let made = 0, x = 1;
while (made < size) {
  const chunk = Buffer.alloc(Math.min(65536, size - made));
  for (let i = 0; i < chunk.length; i++) { x = (x * 1103515245 + 12345) & 0x7fffffff; chunk[i] = 32 + ((x >> 16) % 95); }
  made += chunk.length;
  for (let at = 0; at < chunk.length; ) {
    try { at += writeSync(1, chunk, at); } catch (error) { if (error.code !== "EAGAIN") throw error; }
  }
}
`;

/** A flood that waits to be let go: by then whoever is to see all of it has subscribed. */
export function floodIn({ dir }: { dir: string }, bytes: number): { argv: string[]; go(): void } {
  const gate = path.join(dir, `go-${randomUUID()}`);
  return { argv: [process.execPath, "-e", FLOOD, String(bytes), gate], go: () => writeFileSync(gate, "") };
}

export function floodDigest(size: number): string {
  const hash = createHash("sha256");
  let x = 1;
  for (let made = 0; made < size;) {
    const chunk = Buffer.alloc(Math.min(65_536, size - made));
    for (let i = 0; i < chunk.length; i++) {
      // The very arithmetic of the program, rounding of large products included.
      x = (x * 1103515245 + 12345) & 0x7fffffff;
      chunk[i] = 32 + ((x >> 16) % 95);
    }
    made += chunk.length;
    hash.update(chunk);
  }
  return hash.digest("hex");
}
