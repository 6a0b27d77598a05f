/** `maestro host import` of real files, against a far side over a real socket. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { fakeHost, FakeServer, json, list, refused, TOKEN, type Answer } from "../testing/fake-server.ts";
import { problemOf, runCli } from "../testing/run-cli.ts";
import { joinedHome } from "../../daemon/testing/host-home.ts";

const undo: (() => void)[] = [];
afterEach(() => {
  for (const step of undo.splice(0)) step();
});

let server: FakeServer;
let home: string;
let hosts: readonly object[];
let theirs: object;
let add: (body: { name: string; address: string }) => Answer;
const added = ({ name, address }: { name: string; address: string }): Answer =>
  json({ ...fakeHost(name, 5), transport: "ssh", address, via: { id: "hst_1", name: "laptop" } }, 201);

beforeAll(async () => {
  home = mkdtempSync(path.join(tmpdir(), "mimport-"));
  mkdirSync(path.join(home, ".ssh"));
  writeFileSync(
    path.join(home, ".ssh/config"),
    "Host gpu\n  HostName 10.0.0.5\n  User dev\n  Port 2222\nHost inner\n  ProxyJump gpu\nHost *\n  User nobody\n",
    { mode: 0o600 },
  );
  writeFileSync(
    path.join(home, "remote-hosts.json"),
    JSON.stringify({
      hosts: { Box: { address: "100.64.0.9", transport: "tailscale", container: "auto", user: "" }, bad: { address: "-x" } },
    }),
  );
  server = await FakeServer.open(({ method, path: place, body }) => {
    if (place === `/api/v1/hosts/${fakeHost("laptop", 1).id}/ssh-config`) return json(theirs);
    if (place !== "/api/v1/hosts") return undefined;
    return method === "POST" ? add(JSON.parse(body)) : list(...hosts);
  });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(home, { recursive: true, force: true });
});
beforeEach(() => {
  server.asked.length = 0;
  hosts = [fakeHost("laptop", 1)];
  add = added;
});

const cli = (argv: readonly string[], env: Record<string, string> = {}) =>
  runCli(["host", "import", ...argv], {
    env: { MAESTRO_URL: server.url, MAESTRO_TOKEN: TOKEN, HOME: home, MAESTRO_HOME: path.join(home, "m"), ...env },
  });
const sent = (): unknown[] => server.asked.flatMap(({ method, body }) => (method === "POST" ? [JSON.parse(body)] : []));

describe("host import", () => {
  test("[DISP7] options of remote dispatch's variable are added to each; what is wrong with it is told before any is", async () => {
    await cli(["--ssh-config"], { REMOTE_DISPATCH_SSH_OPTS: "-o ConnectTimeout=5" });
    expect(sent()).toEqual([{ name: "gpu", address: "10.0.0.5", user: "dev", port: 2222, options: { ConnectTimeout: "5" } }]);
    server.asked.length = 0;
    const run = await cli(["--ssh-config", "--json"], { REMOTE_DISPATCH_SSH_OPTS: "-p 22" });
    expect(problemOf(run)).toMatchObject({ code: "field_invalid", field: "REMOTE_DISPATCH_SSH_OPTS" });
    expect(sent()).toEqual([]);
  });

  test("[SSH8] takes of ~/.ssh/config what another machine can use, and says what not and why", async () => {
    const run = await cli(["--ssh-config"]);
    expect(sent()).toEqual([{ name: "gpu", address: "10.0.0.5", user: "dev", port: 2222 }]);
    expect(run).toMatchObject({ code: 0 });
    expect(run.stdout).toMatch(
      /^HOST +ADDRESS +RESULT +WHY\ngpu +10\.0\.0\.5 +added +-\ninner +inner +skipped +its way over gpu is in the ssh_config/,
    );
    expect(run.stderr).toContain("maestro host check <host>");
  });

  test("[SSH8] a Host is taken as such where the linked host reads this very file", async () => {
    const joined = joinedHome(server.url);
    undo.push(() => joined.remove());
    hosts = [{ ...fakeHost("laptop", 1), id: joined.identity.record.hostId }];
    const run = await cli(["--ssh-config", "--via", "laptop"], { MAESTRO_HOME: joined.paths.home });
    expect(sent()).toEqual([
      { name: "gpu", address: "gpu", sshConfig: true, via: "laptop" },
      { name: "inner", address: "inner", sshConfig: true, via: "laptop" },
    ]);
    expect(run.code).toBe(0);
  });

  test("[SSH8] takes what the linked host's own ssh_config names, as such, wherever that is", async () => {
    const told = { path: "/home/me/.ssh/config", exists: true, truncated: true };
    theirs = {
      ...told,
      entries: [
        { host: "Gpu", hostName: "10.0.0.5", user: "me", proxyJump: "b" },
        { host: "me@x", problem: "No address." },
      ],
    };
    const run = await cli(["--via-config", "--via", "laptop"]);
    expect(sent()).toEqual([{ name: "gpu", address: "Gpu", sshConfig: true, via: "laptop" }]);
    expect(run.stdout).toMatch(/^me@x +me@x +skipped +No address\.$/m);
    expect(run.stderr).toContain("names more hosts than the 2");
    theirs = { ...told, exists: false, truncated: false, entries: [] };
    expect((await cli(["--via-config"])).stderr).toContain("There is no /home/me/.ssh/config on that host.");
    hosts = [fakeHost("laptop", 1), fakeHost("other", 2)];
    expect(problemOf(await cli(["--via-config", "--json"]))).toMatchObject({ code: "usage", field: "via" });
  });

  test("[DISP2] takes a hosts file; what is wrong with one entry, or there already, keeps no other out", async () => {
    add = (body) =>
      body.address === "-x" ? refused(400, "host_invalid", { field: "address", detail: "Host '-x' begins with a dash." }) : added(body);
    const run = await cli(["--json"], { REMOTE_DISPATCH_HOSTS_FILE: path.join(home, "remote-hosts.json"), HOME: "/nonexistent" });
    expect(run).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(run.stdout)).toEqual([
      { given: "Box", name: "box", address: "100.64.0.9", result: "added", id: fakeHost("box", 5).id },
      { given: "bad", name: "bad", address: "-x", result: "skipped", why: "Host '-x' begins with a dash." },
    ]);
    add = () => refused(409, "host_exists", { field: "name", detail: "A host named 'box' exists." });
    const again = await cli(["--hosts-file", path.join(home, "remote-hosts.json")]);
    expect(again.stdout).toMatch(/^Box +100\.64\.0\.9 +skipped +A host named 'box' exists\.$/m);
    expect((await cli(["--hosts-file", path.join(home, "remote-hosts.json"), "-q"])).stdout).toBe("");
  });

  test("what concerns all of them is told once, and nothing is guessed", async () => {
    add = () => refused(409, "ambiguous", { field: "via" });
    expect(await cli(["--ssh-config"])).toMatchObject({ code: 10, stdout: "" });
    add = () => refused(403, "role_insufficient");
    expect(await cli(["--ssh-config"])).toMatchObject({ code: 4, stdout: "" });
    expect(sent()).toHaveLength(2);
  });

  test("a file that is named has to be there; one that is not may be missing", async () => {
    for (const flag of ["ssh-config", "hosts-file"])
      expect(problemOf(await cli([`--${flag}`, "/nonexistent/x", "--json"]))).toMatchObject({ code: "field_invalid", field: flag });
    expect(await cli(["--json"], { HOME: "/nonexistent" })).toMatchObject({ code: 0, stdout: "[]\n" });
    writeFileSync(path.join(home, "broken.json"), "{");
    expect(await cli(["--hosts-file", path.join(home, "broken.json")])).toMatchObject({ code: 2, stdout: "" });
  });
});
