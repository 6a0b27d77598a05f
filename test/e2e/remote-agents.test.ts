/** What is set for agents, read of hosts and asked of agents, on a linked host and on a remote one, through the product as shipped. */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Groom } from "@maestro/shared/contract/grooms";
import { HostFiles } from "@maestro/shared/contract/host-files";
import { TestHome } from "../support/home.ts";
import { Product } from "../support/maestro.ts";
import { RemoteMachine } from "../support/remote-machine.ts";
import { lacking } from "../support/system.ts";
import { sha256, taskEnds } from "../support/tasks.ts";
import { poll } from "../support/wait.ts";

const missing = lacking("sshd");

/** Speaks as Claude Code does without a terminal. */
const CLI = `#!/bin/sh
prompt=$(cat)
say() { printf '{"type":"result","subtype":"success","is_error":false,"result":"%s","session_id":"s1","num_turns":1,"usage":{}}\\n' "$1"; }
if [ "$prompt" = slowly ]; then
  printf '{"type":"assistant","session_id":"s1","message":{"role":"assistant","content":[{"type":"text","text":"so far this"}]}}\\n'
  exec sleep 1000
fi
say "$0 in $PWD with $COLOUR: $prompt ($*)"
`;

/** [SSH18] Tells what each image is, and where. */
const LOOKER = {
  slug: "looker",
  argv: ["sh", "-c", 'for f in "$@"; do case $f in /*) stat -c %a "$f" && sha256sum "$f";; esac; done', "looker", "{{prompt}}"],
  image_flag: "--image",
};
const PICTURES = [Buffer.from("\x89PNG\r\n\x1a\none", "latin1"), Buffer.concat([Buffer.from("ffd8ff", "hex"), Buffer.alloc(1_500_000, 5)])];

function program(dir: string, name: string): string {
  mkdirSync(dir, { recursive: true });
  const file = join(dir, name);
  writeFileSync(file, CLI);
  chmodSync(file, 0o755);
  return file;
}

describe.skipIf(missing !== undefined)(`agents here and there${missing === undefined ? "" : ` (skipped: ${missing})`}`, () => {
  test(
    "[SSH12] [SSH14] [SSH18] [SSH24] [SSH25] an agent is set, its host's files are read, it looks at images, and is asked once, here and there",
    { timeout: 240_000 },
    async () => {
      const home = new TestHome();
      mkdirSync(join(home.path, "agents.d"), { recursive: true });
      writeFileSync(join(home.path, "agents.d", "looker.yaml"), JSON.stringify(LOOKER));
      await using product = await Product.up({ home, timeScale: 0.2 });
      await using machine = await RemoteMachine.start({}, { home: "remote-home-" });
      await machine.join(product, "far");
      const run = async (...args: string[]) => {
        const ran = await product.cli(args);
        expect({ args, code: ran.code, stderr: ran.stderr }).toMatchObject({ code: 0 });
        return ran.stdout;
      };
      const here = mkdtempSync(join(tmpdir(), "mset-"));
      const own = program(join(here, "bin"), "claude-next");
      await run("agent", "assign", "claude", "--to-workspace", join(here, "w"), "--name", "one");
      await run("agent", "set", "one", "--bin", own, "--cwd", join(here, "elsewhere"), "--env", "COLOUR=blue");
      const ask = () => run("task", "dispatch", "hello", "--to", "one", "--sync");
      expect(await ask()).toContain(`${own} in ${join(here, "elsewhere")} with blue: hello`);

      // There it is another file, found by its name.
      const there = program(join(machine.home, ".local", "bin"), "claude-nightly");
      const gone = await product.cli(["agent", "set", "one", "--host", "fur"]);
      expect(gone.code).toBe(9);
      await run("agent", "set", "one", "--host", "far", "--bin-name", "claude-nightly", "--cwd", "~/work");
      await product.killAndReturn("host-agent");
      await machine.online(product, "far");
      expect(await ask()).toContain(`${there} in ${join(machine.home, "work")} with blue: hello`);
      // [SSH18] Images go along, and go with the end.
      const pictures = PICTURES.map((bytes, i) => {
        const file = join(here, `picture ${i}.png`);
        writeFileSync(file, bytes);
        return file;
      });
      await run("agent", "assign", "looker", "--to-workspace", join(here, "w"), "--name", "eyes");
      for (const where of [home.path, machine.home]) {
        if (where === machine.home) await run("agent", "set", "eyes", "--host", "far", "--cwd", "~/work");
        const told = await run("task", "dispatch", "look", "--to", "eyes", "--sync", ...pictures.flatMap((file) => ["--image", file]));
        expect(told.match(/[0-9a-f]{64}/g)).toEqual(PICTURES.map((bytes) => sha256(bytes)));
        expect(told.match(/^600$/gm)).toHaveLength(2);
        const files = told.match(/\/\S+$/gm) ?? [];
        expect(files).toEqual([expect.stringContaining("1-picture-0.png"), expect.stringContaining("2-picture-1.jpg")]);
        expect(files.every((file) => file.startsWith(where))).toBe(true);
        expect(files.filter((file) => existsSync(file))).toEqual([]);
      }
      // Files, as the console asks for them.
      const files = (host: string, op: string, path: string) =>
        product.api.call(HostFiles, "GET", `/api/v1/hosts/${host}/files?${new URLSearchParams({ op, path }).toString()}`);
      writeFileSync(join(machine.home, "a file"), "of there\n");
      expect(await files("far", "read", "~/a file")).toMatchObject({ content: "of there\n", truncated: false, encoding: "utf8" });
      const listed = await files("far", "list", "~");
      expect(listed.op === "list" && listed.entries.map(({ name }) => name)).toEqual([".local", ".maestro-remote", "a file", "work"]);
      const [linked] = (await product.api.hosts()).filter(({ transport }) => transport === "link");
      expect(await files(linked?.id ?? "", "stat", own)).toMatchObject({ entry: { name: "claude-next", kind: "file", mode: "0755" } });

      // Asked once, with less than it may do otherwise.
      const groomed = await run("agent", "groom", "one", "--prompt", "what is left?");
      expect(groomed).toContain(`${there} in ${join(machine.home, "work")} with blue: what is left? (`);
      expect(groomed).toContain("--permission-mode plan");
      const begun = await product.api.call(Groom, "POST", "/api/v1/agents/one/groom", { prompt: "slowly", timeoutMs: 3000 });
      expect(begun.id).toMatch(/^groomer-[0-9a-f-]{36}$/);
      const groom = () => product.api.call(Groom, "GET", `/api/v1/grooms/${begun.id}`);
      // Before its end, though its log is short.
      const midway = await poll("some of it", async () => ((await groom()).progress.bytesReceived > 0 ? groom() : undefined), {
        timeoutMs: 30_000,
      });
      expect(midway).toMatchObject({ status: "running", progress: { chunkCount: 1 } });
      const over = await poll("its end", async () => ((await groom()).status === "running" ? undefined : groom()), { timeoutMs: 30_000 });
      expect(over).toMatchObject({ status: "done", text: "so far this", partial: true, reason: { code: "timeout" } });
      const dropped = await product.api.call(Groom, "POST", "/api/v1/agents/one/groom", { prompt: "slowly" });
      expect((await product.api.request("DELETE", `/api/v1/grooms/${dropped.id}`)).status).toBe(204);
      expect(await taskEnds(product.api, dropped.id)).toMatchObject({ status: "cancelled" });

      await run("agent", "set", "one", "--bin", "~/none");
      const absent = await product.cli(["task", "dispatch", "hello", "--to", "one", "--sync"]);
      expect(absent.code).toBe(127);
      expect(absent.stderr).toContain(join(machine.home, "none"));
    },
  );
});
