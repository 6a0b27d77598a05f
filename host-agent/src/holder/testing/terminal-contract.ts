/** What every terminal must do, whatever is behind it: a program on tmux or a PTY, or nothing but an echo. */
import { readFileSync, writeFileSync } from "node:fs";
import * as path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { HolderClient } from "../client.ts";
import { readStat } from "../processes.ts";
import type { SessionInfo } from "../types.ts";
import { launch } from "./backend-contract.ts";
import { Ear, HolderFixture, value } from "./fixture.ts";

/** Gives back what comes in, byte by byte, as the echo does by itself. */
const RAW_ECHO = ["/bin/sh", "-c", "stty raw -echo; echo ready; exec cat"];
/** Two programs that note every signal in a file, for their terminal may be gone by then; one has left the session. */
const DEAF = [
  "bash",
  "--norc",
  "-c",
  "note() { trap 'echo hup >>$SEEN' HUP; trap 'echo term >>$SEEN' TERM; echo deaf $BASHPID; while :; do sleep 0.05; done; }; export -f note; setsid bash -c note & note",
];

export function terminalContract(kind: "tmux" | "pty" | "echo"): void {
  describe(`${kind} as a terminal`, () => {
    const fixture = new HolderFixture();
    const ear = new Ear();
    let client: HolderClient;

    beforeAll(async () => {
      await fixture.start();
      client = await fixture.connect(ear);
    }, 30_000);
    afterAll(() => fixture.dispose(), 30_000);

    const told = (id: string): SessionInfo | undefined => ear.changes.flatMap(({ upsert }) => upsert).findLast((info) => info.id === id);

    /** Answers with where its own output ends. */
    async function echo(): Promise<{ id: string; from: number }> {
      if (kind === "echo") return { id: (await launch(client, { backend: "echo" })).id, from: 0 };
      const { id } = await launch(client, { backend: kind, argv: RAW_ECHO });
      await ear.until(() => ear.text(id).endsWith("\n"));
      return { id, from: ear.live(id).byteLength };
    }

    test("what is typed comes back in order and byte by byte, also what is no text", async () => {
      const { id, from } = await echo();
      const bytes = Buffer.from(Array.from({ length: 512 }, (_, i) => i % 256));
      for (const [start, end] of [
        [0, 100],
        [100, 101],
        [101, 512],
      ])
        client.input(id, bytes.subarray(start, end));
      await ear.until(() => ear.live(id).byteLength >= from + bytes.byteLength);
      expect(ear.live(id).subarray(from).equals(bytes)).toBe(true);
      value(await client.kill(id));
    });

    test("[VW3] a resize is told to everybody as the session's size", async () => {
      const { id } = await echo();
      value(await client.resize(id, 100, 40));
      await ear.until(() => told(id)?.cols === 100 && told(id)?.rows === 40);
      value(await client.kill(id));
    });

    test("[CH4] what was typed is on the screen", async () => {
      const { id, from } = await echo();
      client.input(id, Buffer.from("\r\nplain"));
      await ear.until(() => ear.live(id).byteLength >= from + 7);
      expect(Buffer.from(value(await client.screen(id, "text")).bytes).toString()).toMatch(/\nplain\n$/);
      value(await client.kill(id));
    });

    test.each([false, true])("it is killed once, and takes nothing after that; by force: %s", async (force) => {
      const { id } = await echo();
      expect(value(await client.kill(id, force))).toBe(true);
      await ear.ended(id);
      expect(told(id)?.end?.reason).toBe("killed");
      expect(value(await client.kill(id, force))).toBe(false);
      expect(await client.send(id, Buffer.from("x"))).toMatchObject({ ok: false, error: { code: "session_ended" } });
    });

    // tmux 3.3a ends with all its sessions when it tells a pane without a program that it lost the focus.
    test.skipIf(kind === "echo").each(["is killed", "kills itself", "exits"])(
      "the end of a program that wants to be told of the focus is nobody else's: it %s",
      async (how) => {
        const other = await echo();
        const after = how === "exits" ? "exit" : "kill -KILL 0";
        const argv = ["/bin/sh", "-c", `printf '\\033[?1004h'; echo ready; read wait; ${after}`];
        const { id } = await launch(client, { backend: kind, argv });
        await ear.until(() => ear.text(id).includes("ready"));
        if (how === "is killed") await client.kill(id);
        else client.input(id, Buffer.from("\r"));
        await ear.ended(id);
        client.input(other.id, Buffer.from("still here"));
        await ear.until(() => ear.text(other.id).includes("still here"));
        expect(told(other.id)?.end).toBeUndefined();
        value(await client.kill(other.id));
      },
    );

    // An echo is no process: there is nobody to signal.
    test.skipIf(kind === "echo").each([
      [false, ["hup", "term"]],
      [true, []],
    ] as const)(
      "all its programs are killed, those that ignore every other signal as well; by force: %s, after %j",
      async (force, signals) => {
        const seen = path.join(fixture.dir, `seen-${force}`);
        writeFileSync(seen, "");
        const { id } = await launch(client, { backend: kind, argv: DEAF, env: { SEEN: seen } });
        const pids = (): number[] => [...ear.text(id).matchAll(/deaf (\d+)/g)].map(([, pid]) => Number(pid));
        await ear.until(() => pids().length === 2);
        expect(value(await client.kill(id, force))).toBe(true);
        await ear.ended(id);
        expect(told(id)?.end?.reason).toBe("killed");
        for (const pid of pids()) expect(readStat(pid)?.state ?? "Z").toBe("Z");
        const lines = readFileSync(seen, "utf8").split("\n").filter(Boolean);
        // A closing terminal hangs up on its own as well.
        expect([...new Set(lines)]).toEqual(signals);
      },
    );
  });
}
