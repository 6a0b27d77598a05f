/** Hosts of a tailnet, through the product as shipped. The `tailscale` program is a stand-in: its ssh is a real client to a real sshd. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { BOX, StandIn } from "../../host-agent/src/transports/tailscale/testing/stand-in.ts";
import { TestHome } from "../support/home.ts";
import { Product } from "../support/maestro.ts";
import { RemoteMachine } from "../support/remote-machine.ts";
import { lacking } from "../support/system.ts";
import { dispatchTask, taskEnds, taskShows, wholeLog } from "../support/tasks.ts";
import { poll } from "../support/wait.ts";

const missing = lacking("sshd");

describe.skipIf(missing !== undefined)(`hosts of a tailnet${missing === undefined ? "" : ` (skipped: ${missing})`}`, () => {
  test(
    "by a stand-in for tailscale: added by its name, checked, a command runs there, and a task outlives the line",
    { timeout: 240_000 },
    async () => {
      await using machine = await RemoteMachine.start();
      const { sshd } = machine;
      using cli = new StandIn({ port: machine.line.port, identity: sshd.at("user"), knownHosts: sshd.at("known_hosts") });
      const home = new TestHome();
      writeFileSync(join(home.path, "policy.yaml"), 'forward_agent: ["*"]\n', { mode: 0o600 });
      await using product = await Product.up({ home, timeScale: 0.2, env: { PATH: cli.path } });

      cli.says({ peer: { Online: false, LastSeen: "2026-01-02T03:04:05Z" } });
      const away = await product.cli(["host", "add", "box", BOX]);
      expect({ code: away.code, stderr: away.stderr }).toMatchObject({
        code: 3,
        stderr: expect.stringContaining("tailscale_peer_offline"),
      });
      expect(away.stderr).toContain(`tailscale ping ${BOX}`);
      expect(cli.destinations).toEqual([]);

      cli.says({});
      const checked = await product.cli(["host", "check", "box"]);
      expect({ code: checked.code, out: checked.stdout + checked.stderr }).toMatchObject({ code: 0 });
      expect(checked.stdout).toContain("online in the tailnet");
      const shown = await product.cli(["host", "show", "box", "--json"]);
      expect(shown.stdout).toMatch(/"transport": ?"tailscale"/);
      await machine.online(product, "box");

      const command = ["sh", "-c", 'echo "at $HOME"; exit 7'];
      const ran = await product.cli(["task", "dispatch", "--exec", "--host", "box", "--sync", "--", ...command]);
      expect({ code: ran.code, stdout: ran.stdout }).toMatchObject({ code: 7, stdout: expect.stringContaining(`at ${machine.home}`) });

      const asked = await product.cli(["task", "dispatch", "--exec", "--host", "box", "--forward-agent", "--sync", "--", ...command]);
      expect(asked.code).not.toBe(7);
      expect(asked.stdout + asked.stderr).toContain("`tailscale ssh`, which forwards no ssh-agent");

      const refused = await product.cli(["session", "new", "--host", "box", "--json"]);
      expect(refused.code).not.toBe(0);
      expect(refused.stderr + refused.stdout).toContain("backend_unavailable");
      expect(refused.stderr + refused.stdout).toContain("--transport ssh");

      const gate = join(machine.home, "gate");
      const nonces = join(machine.home, "nonces");
      const script = `echo $$ >>'${nonces}'; i=0; while [ $i -lt 2000 ]; do echo "line $i of many"; i=$((i+1)); done; until [ -e '${gate}' ]; do sleep 0.1; done; echo last; exit 255`;
      const { id } = await dispatchTask(product.api, { command: ["sh", "-c", script], on: { host: "box" } });
      await taskShows(product.api, id, "running", ({ status }) => status === "running");
      await poll("a client to kill", () => (cli.clients.length > 0 ? true : undefined), { timeoutMs: 30_000 });
      cli.cut();
      await product.killAndReturn("host-agent");
      cli.cut();
      writeFileSync(gate, "");
      // 255 is its own, and no broken line.
      expect(await taskEnds(product.api, id, 120_000)).toMatchObject({ status: "failed", exitCode: 255 });
      const { text } = await wholeLog(product.api, id);
      expect(text).toBe(`${Array.from({ length: 2000 }, (_, i) => `line ${i} of many\n`).join("")}last\n`);
      expect(readFileSync(nonces, "utf8").trim().split("\n")).toHaveLength(1);
      await poll("nothing is left there", () => (machine.attempts.length === 0 ? true : undefined), { timeoutMs: 60_000 });
    },
  );

  test("without the tailscale program: the same host by plain ssh", { timeout: 180_000 }, async () => {
    await using machine = await RemoteMachine.start();
    const home = new TestHome();
    const ssh = join(home.userHome, ".ssh");
    mkdirSync(ssh, { mode: 0o700 });
    const lines = [`Host ${BOX}`, "HostName 127.0.0.1", `Port ${machine.line.port}`, `IdentityFile "${machine.sshd.at("user")}"`];
    writeFileSync(join(ssh, "config"), `${lines.join("\n")}\n`, { mode: 0o600 });
    await using product = await Product.up({ home });
    const added = await product.cli(["host", "add", "box", BOX, "--ssh-config", "--accept-host-key", "new"]);
    expect({ code: added.code, out: added.stdout + added.stderr }).toMatchObject({ code: 0 });
    expect(added.stdout).toContain("accepted now");
    await machine.online(product, "box");
    const ran = await product.cli(["task", "dispatch", "--exec", "--host", "box", "--sync", "--", "sh", "-c", "exit 7"]);
    expect(ran.code).toBe(7);
  });
});
