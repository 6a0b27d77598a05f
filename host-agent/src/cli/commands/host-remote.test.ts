/** `maestro host add|edit|check|list|show|remove` of remote hosts, against a far side over a real socket. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { fakeHost, FakeServer, json, list, refused, TOKEN, type Answer, type Asked } from "../testing/fake-server.ts";
import { problemOf, runCli, type RunOptions } from "../testing/run-cli.ts";

const SHA = `SHA256:${"k".repeat(43)}`;
const gpu = {
  ...fakeHost("gpu", 2),
  transport: "ssh",
  status: "never",
  via: { id: fakeHost("laptop", 1).id, name: "laptop" },
  address: "10.0.0.5",
  user: "dev",
  port: 2222,
  sshConfig: false,
  options: {},
  env: { A: "1" },
  container: "none",
  enabled: true,
};
const step = (name: string, state: string, more: object = {}) => ({ name, state, detail: `${name} detail`, ms: 12, ...more });
const well = {
  ok: true,
  steps: [step("tcp", "ok"), step("tmux", "warning", { detail: "no tmux", hint: "Install tmux there." })],
  hostKey: { type: "ssh-ed25519", sha256: SHA, state: "known" },
  agents: [{ adapter: "claude", binary: "/usr/bin/claude", version: "2.0.1" }],
};
const unknown = {
  ...well,
  ok: false,
  steps: [step("tcp", "ok"), step("host-key", "failed", { code: "host_key_unknown" }), step("authentication", "skipped")],
  hostKey: { ...well.hostKey, state: "unknown" },
};
const locked = {
  ...well,
  ok: false,
  steps: [step("authentication", "failed", { detail: "the key is locked", code: "key_passphrase_needed", hint: "ssh-add ~/.ssh/id" })],
};

let server: FakeServer;
let hosts: readonly object[] = [];
let check: (asked: Asked) => Answer;
beforeAll(async () => {
  server = await FakeServer.open((asked) => {
    const { method, path } = asked;
    if (path.endsWith("/check")) return check(asked);
    if (method === "POST") return json(gpu, 201);
    if (method === "PATCH") return json(gpu);
    if (method === "DELETE") return { status: 204, body: "", type: "text/plain" };
    return path === "/api/v1/hosts" ? list(...hosts) : undefined;
  });
});
afterAll(async () => server[Symbol.asyncDispose]());
beforeEach(() => {
  server.asked.length = 0;
  hosts = [fakeHost("laptop", 1), gpu];
  check = () => json(well);
});

const cli = (argv: readonly string[], options: RunOptions = {}) =>
  runCli(argv, { ...options, env: { MAESTRO_URL: server.url, MAESTRO_TOKEN: TOKEN } });
const sent = (method: string): unknown[] =>
  server.asked
    .filter((asked) => asked.method === method)
    .map(({ path, body }) => [path.replace("/api/v1/hosts", ""), JSON.parse(body || "null")]);

describe("host add", () => {
  test("sends what was given, checks it, and shows each step with the remedy of what is not well", async () => {
    const run = await cli([
      ..."host add gpu dev@10.0.0.5 --transport ssh --port 2222 --identity ~/.ssh/gpu --container dev --via laptop --cwd ~/src".split(" "),
      ..."--ssh-config --option ConnectTimeout=30 --env A=1 --env B=2=3 --label gpu=yes".split(" "),
    ]);
    expect(sent("POST")).toEqual([
      [
        "",
        {
          name: "gpu",
          address: "dev@10.0.0.5",
          transport: "ssh",
          port: "2222",
          identity: "~/.ssh/gpu",
          container: "dev",
          via: "laptop",
          cwd: "~/src",
          sshConfig: true,
          options: { ConnectTimeout: "30" },
          env: { A: "1", B: "2=3" },
          labels: { gpu: "yes" },
        },
      ],
      [`/${gpu.id}/check`, {}],
    ]);
    expect(run).toMatchObject({ code: 0 });
    expect(run.stdout).toMatch(
      /^CHECK +STATE +TIME +FOUND\ntcp +ok +12 ms +tcp detail\ntmux +warning +12 ms +no tmux\n +Install tmux there\.\n/,
    );
    expect(run.stdout).toContain("agents: claude 2.0.1\n");
    expect(run.stderr).toContain("gpu is added: REMOTE ssh dev@10.0.0.5:2222 via laptop.");
  });

  test("without a check it is added only; with --json one object holds both", async () => {
    expect(await cli(["host", "add", "gpu", "10.0.0.5", "--no-check", "-q"])).toMatchObject({ code: 0, stdout: `${gpu.id}\n`, stderr: "" });
    expect(sent("POST")).toEqual([["", { name: "gpu", address: "10.0.0.5" }]]);
    const run = await cli(["host", "add", "gpu", "10.0.0.5", "--accept-host-key", "new", "--json"]);
    expect(JSON.parse(run.stdout)).toMatchObject({ id: gpu.id, check: { ok: true } });
    expect(sent("POST").at(-1)).toEqual([`/${gpu.id}/check`, { acceptHostKey: "new" }]);
  });

  test("a check that fails ends with its own code, and the host stays added", async () => {
    check = () => json(locked);
    const run = await cli(["host", "add", "gpu", "10.0.0.5", "--json"]);
    expect(run.code).toBe(4);
    expect(JSON.parse(run.stdout)).toMatchObject({ id: gpu.id, check: { ok: false } });
    expect(problemOf(run)).toMatchObject({ code: "key_passphrase_needed", field: "authentication", hint: "ssh-add ~/.ssh/id" });
    check = () => refused(503, "host_unreachable");
    expect(await cli(["host", "add", "gpu", "10.0.0.5", "-q"])).toMatchObject({ code: 3, stdout: `${gpu.id}\n` });
  });

  test("[83] an option that stands for a host reaches nobody as one", async () => {
    expect(await cli(["host", "add", "gpu", "-oProxyCommand=x"])).toMatchObject({ code: 2, stdout: "" });
    expect(server.asked).toEqual([]);
    await cli(["host", "add", "--no-check", "gpu", "--", "-oProxyCommand=x"]);
    expect(sent("POST")).toEqual([["", { name: "gpu", address: "-oProxyCommand=x" }]]);
  });

  test("[87] a key that is not one is refused before anything is added", async () => {
    const run = await cli(["host", "add", "gpu", "h", "--accept-host-key", "yes", "--json"]);
    expect(run.code).toBe(2);
    expect(problemOf(run)).toMatchObject({ code: "flag_invalid", field: "accept-host-key" });
    expect(server.asked).toEqual([]);
  });
});

describe("host check", () => {
  test("[87] without a terminal an unknown key is refused, with the line that accepts it", async () => {
    check = () => json(unknown);
    const run = await cli(["host", "check", "gpu", "--json"]);
    expect(run.code).toBe(11);
    expect(JSON.parse(run.stdout)).toMatchObject({ host: { name: "gpu" }, ok: false });
    expect(problemOf(run)).toMatchObject({
      code: "host_key_unknown",
      detail: expect.stringContaining(`ssh-ed25519 ${SHA}`),
      hint: `If it is its key: maestro host check gpu --accept-host-key ${SHA}`,
    });
    expect(sent("POST")).toHaveLength(1);
  });

  test("a host that was added is checked as it is: what would be another record is refused, not left out", async () => {
    for (const flags of [["--port", "99"], ["--container", "dev"], ["--ssh-config"], ["--env", "A=b"]]) {
      const run = await cli(["host", "check", "gpu", ...flags, "--json"]);
      expect(run.code).toBe(2);
      expect(problemOf(run)).toMatchObject({ code: "usage", field: flags[0]?.slice(2), hint: "`maestro host edit` changes the record." });
    }
    expect(server.asked).toEqual([]);
  });

  test("[87] a remedy names the host", async () => {
    const hint = "Compare it, then: maestro host check … --accept-host-key SHA256:x";
    check = () => json({ ...unknown, steps: [{ name: "host-key", state: "failed", detail: "Not known.", hint, ms: 1 }] });
    const run = await cli(["host", "check", "gpu", "--format", "table"]);
    expect(run.stdout).toContain("maestro host check gpu --accept-host-key SHA256:x");
  });

  test("[87] at a terminal it is shown and asked about, and a yes accepts this very key", async () => {
    check = ({ body }) => json(body === "{}" ? unknown : well);
    const answering = (text: string): RunOptions => ({
      person: ({ type, end, onPrompt }) => {
        const wait = (shown: string): void => {
          if (!shown.includes("[y/N]")) return onPrompt(wait);
          type(text);
          end();
        };
        onPrompt(wait);
      },
    });
    const yes = await cli(["host", "check", "gpu"], answering("y\n"));
    expect(yes).toMatchObject({ code: 0 });
    expect(yes.stderr).toContain(SHA);
    expect(sent("POST")).toEqual([
      [`/${gpu.id}/check`, {}],
      [`/${gpu.id}/check`, { acceptHostKey: SHA }],
    ]);
    server.asked.length = 0;
    expect(await cli(["host", "check", "gpu", "--yes"], answering("n\n"))).toMatchObject({ code: 11 });
    expect(sent("POST")).toHaveLength(1);
  });

  test("of an address that is not saved takes the flags of add, and names no host", async () => {
    const run = await cli(["host", "check", "--address", "h", "--user", "a;id", "--port", "22 ", "--accept-host-key", SHA]);
    expect(run.code).toBe(0);
    expect(sent("POST")).toEqual([["/check", { address: "h", user: "a;id", port: "22 ", acceptHostKey: SHA }]]);
    check = () => json(unknown);
    expect((await cli(["host", "check", "--address", "h"])).stderr).toContain(`run this again with --accept-host-key ${SHA}`);
    for (const argv of [
      ["host", "check"],
      ["host", "check", "gpu", "--address", "h"],
    ])
      expect(problemOf(await cli([...argv, "--json"]))).toMatchObject({ code: "usage", field: "host" });
  });

  test("shows for how long it has been under way, and takes it away again", async () => {
    const run = await cli(["host", "check", "gpu"], { person: ({ end }) => end() });
    expect(run.stderr).toMatch(/Checking… 0 s\n[^\n]*\u001b\[1A\r\u001b\[J$/);
    expect((await cli(["host", "check", "gpu"])).stderr).toBe("Checking 'gpu'…\n");
  });
});

describe("host edit", () => {
  test("sends what was given and no more; empty clears", async () => {
    expect(
      (await cli(["host", "edit", "gpu", "--user", "", "--port=", "--env", "", "--cwd", "/srv", "--name", "gpu2", "--disable"])).code,
    ).toBe(0);
    expect((await cli(["host", "edit", "gpu", "--default", "--ssh-config=false", "--address", "h", "--enable"])).code).toBe(0);
    expect((await cli(["host", "edit", "gpu", "--default=false", "--transport", "carrier-pigeon"])).code).toBe(0);
    expect(sent("PATCH")).toEqual([
      [`/${gpu.id}`, { name: "gpu2", user: null, port: null, cwd: "/srv", env: {}, enabled: false }],
      [`/${gpu.id}`, { address: "h", sshConfig: false, enabled: true, default: true }],
      [`/${gpu.id}`, { transport: "carrier-pigeon", default: false }],
    ]);
  });

  test("without a change asks nothing of anybody, and --enable and --disable exclude each other", async () => {
    expect(problemOf(await cli(["host", "edit", "gpu", "--json"]))).toMatchObject({ code: "usage" });
    expect(problemOf(await cli(["host", "edit", "gpu", "--enable", "--disable", "--json"]))).toMatchObject({ code: "conflicting_flags" });
    expect(sent("PATCH")).toEqual([]);
  });
});

describe("how remote hosts are shown", () => {
  test("the list says how each is reached, which has the mark, and which is switched off", async () => {
    hosts = [
      fakeHost("laptop", 1),
      { ...gpu, default: true },
      { ...gpu, id: fakeHost("v6", 3).id, name: "v6", address: "::1", enabled: false },
    ];
    const { stdout } = await cli(["host", "list"]);
    expect(stdout).toMatch(/^laptop +online +link /m);
    expect(stdout).toMatch(/^gpu \(default\) +never +REMOTE ssh dev@10\.0\.0\.5:2222 via laptop /m);
    expect(stdout).toMatch(/^v6 +disabled +REMOTE ssh dev@\[::1\]:2222 via laptop /m);
  });

  test("one is shown with its record and what its last check said", async () => {
    const text = async () => (await cli(["host", "show", "gpu"])).stdout;
    expect(await text()).toMatch(/^check +never; maestro host check gpu$/m);
    hosts = [{ ...gpu, lastCheck: { ok: false, at: "2026-01-01T00:00:00.000Z", error: "refused" }, cwd: "~/src" }];
    expect(await text()).toMatch(/^check +failed: refused \(.+\)$/m);
    expect(await text()).toMatch(/^env +A=1\ncontainer +none\ncwd +~\/src$/m);
  });

  test("removing one says what it was", async () => {
    const run = await cli(["host", "remove", "gpu"], { person: ({ type, end }) => (type("y\n"), end()) });
    expect(run.stderr).toContain("Remove 'gpu' (REMOTE ssh dev@10.0.0.5:2222 via laptop)? [y/N]");
    expect(run.code).toBe(0);
  });
});
