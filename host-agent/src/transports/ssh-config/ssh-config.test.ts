import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { SshTarget } from "../ssh-target.ts";
import { matchRunner } from "./here.ts";
import { asOurs, asSsh } from "./testing/as-ssh.ts";
import { listHosts } from "./list.ts";
import { resolveTarget } from "./resolve.ts";

const { username, uid, homedir } = userInfo();
const local = { name: username, uid, home: homedir, hostname: hostname(), env: { PATH: process.env["PATH"], AGENT: "/run/agent" } };
let directory: string;
beforeAll(() => void (directory = mkdtempSync(join(tmpdir(), "ssh-config-"))));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

let files = 0;
const write = (text: string, name = `config-${++files}`): string => {
  const path = join(directory, name);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
};

const resolve = (address: string, config: string | undefined, more: Partial<Parameters<typeof resolveTarget>[0]> = {}) =>
  resolveTarget(
    { address, sshConfig: config !== undefined, options: {}, ...more },
    { local, files: config === undefined ? [] : [{ path: config, kind: "user" }], run: matchRunner(local.env) },
  );
const target = async (...args: Parameters<typeof resolve>): Promise<SshTarget> => {
  const resolved = await resolve(...args);
  if (!resolved.ok) throw new Error(resolved.error.detail);
  return resolved.value;
};

const CONFIG = (include: string) => `
# a comment
   # an indented one
Host plain
  HostName plain.example.com
  Port 2222
  User deploy

Host=equals
HostName = equals.example.com
Port=  2201
USER	tabs

Host "quoted name" quoted 'single'
  HostName "quoted.example.com"   # behind a value
  IdentityFile "/keys/with space"
  IdentityFile '/keys/it\\'s'
  IdentityFile /keys/esc\\ aped#not-a-comment

Host first
  Port 1001
Host first
  Port 1002
  User second

Host neg* !negated
  User matched
Host negated
  User excluded

Host wild-??.example
  HostName %h
  User wild

Host pct*
  HostName %h.pct.example
Host many
  IdentityFile /k/1
  IdentityFile /k/2
  IdentityFile /k/1
  IdentityFile ~/k3
  IdentitiesOnly yes
  IdentityAgent none
Host nokeys
  IdentityFile none
Host agent
  IdentityAgent "/run/my agent"
Host times
  ConnectTimeout 1m30s
  ServerAliveInterval 2m
  ServerAliveCountMax 7
Host untimed
  ConnectTimeout none
  ConnectTimeout 8
  ServerAliveInterval 0
Host known
  HostKeyAlias Alias.Example
  UserKnownHostsFile /kh/%h-%n-%p-%r-%u-%d-%i-%k-%% "/kh/a b" ~/kh
  GlobalKnownHostsFile /kh/global
  Port 2200
  User someone
Host noknown
  UserKnownHostsFile none
Host command
  ProxyCommand nc -x "a b" %h %p # %% no comment
  Port 2022
Host jumped
  ProxyJump me@hop.example:2222 # via
Host v6jump
  ProxyJump me@[2001:db8::1]:2022
Host nojump
  ProxyJump none
Host both1
  ProxyJump me@hop.example:2222
  ProxyCommand nc %h %p
Host both2
  ProxyCommand nc %h %p
  ProxyJump me@hop.example:2222
Match host plain.example.com
  ServerAliveCountMax 9
Match originalhost plain,other user deploy
  HostKeyAlias by-original
Match !originalhost plain,mexec,final* host m*
  User by-negation
Match originalhost mexec exec "test %h = mexec -a %p = 22 && test %n = mexec"
  User by-exec
Match originalhost mexec !exec "exit 3"
  Port 3333
Match originalhost mlocal localuser ${username}
  User by-local
Match originalhost=meq exec=true
  User by-equals
Match canonical host canon
  User never
Match final originalhost finally
  User in-the-end
  Port 4444
Host finally
  HostName Resolved.Example
Host resolved.example
  ServerAliveCountMax 5
Include ${include}/*.conf ${include}/missing
Host inc-in-block
  Include ${include}/block
  User after-block
Host UPPER.Example
  Port 77
Match all
  ServerAliveInterval 33
Host *
  User fallback
  Port 2020
  StrictHostKeyChecking no
  SomethingUnheardOf yes
`;

const ALIASES = [
  ...["plain", "equals", "quoted", "single", "first", "negx", "negated", "wild-ab.example", "wild-abc.example", "pct2"],
  ...["many", "nokeys", "agent", "times", "untimed", "known", "noknown", "command", "jumped", "v6jump", "nojump", "both1", "both2"],
  ...["mfoo", "mexec", "mlocal", "meq", "canon", "finally", "resolved.example", "inc-a", "inc-b", "inc-hidden", "inc-nested"],
  ...["inc-in-block", "inc-not-in-block", "UPPER.Example", "upper.example", "unheard-of", "10.0.0.5"],
];

test("[SSH7] all that counts here is what the ssh that is installed makes of the same file, for each of its hosts", async () => {
  const include = join(directory, "include");
  mkdirSync(include);
  write("Host inc-a\n  Port 5001\r\n  User inc-a-user\r\n", "include/10-a.conf");
  write(`Host inc-b\n  Port 5002\nHost inc-a\n  Port 5003\nInclude ${include}/nested\n`, "include/20-b.conf");
  write("Host inc-hidden\n  Port 5004\n", "include/.hidden.conf");
  write("Host inc-nested\n  Port 5005\nMatch host inc-b\n  User nested\n", "include/nested");
  write(
    "Port 5006\nHost inc-not-in-block\n  Port 5007\nHost inc-in-block\n  HostKeyAlias in\nMatch all\n  ServerAliveCountMax 8\n",
    "include/block",
  );
  // Ours passes over what it does not know; ssh has to be told to.
  const config = write(`IgnoreUnknown SomethingUnheardOf\n${CONFIG(include)}`);
  for (const alias of ALIASES) expect([alias, asOurs(await target(alias, config))]).toEqual([alias, asSsh(config, alias)]);
  for (const [user, port] of [
    ["me", 22],
    ["deploy", 99],
  ] as const) {
    const ours = await target("plain", config, { user, port });
    expect(asOurs(ours)).toEqual(asSsh(config, "plain", "-l", user, "-p", String(port)));
  }
});

test("[SSH7] without ssh_config no file is read, and all that is not said is a default", async () => {
  const files = [{ path: write("Host *\n  Port 1\n"), kind: "user" as const }];
  const record = { address: "gpu.example", sshConfig: false, options: {} };
  expect(await resolveTarget(record, { local, files, run: undefined })).toMatchObject({
    ok: true,
    value: {
      alias: "gpu.example",
      hostName: "gpu.example",
      port: 22,
      user: username,
      agent: { kind: "environment" },
      forwardAgent: false,
      route: { kind: "direct" },
      connectTimeoutMs: 10_000,
      aliveIntervalMs: 15_000,
      aliveCountMax: 3,
      knownHostsFiles: [
        join(homedir, ".ssh/known_hosts"),
        join(homedir, ".ssh/known_hosts2"),
        "/etc/ssh/ssh_known_hosts",
        "/etc/ssh/ssh_known_hosts2",
      ],
    },
  });
});

test("[SSH7] a given port 22 goes before a configured one; fields go before options, options before the file", async () => {
  const config = write(
    "Host gpu\n  Port 2222\n  User filed\n  ConnectTimeout 7\n  IdentityFile /k/file\n  CertificateFile /k/cert\n  ServerAliveCountMax 9\n",
  );
  expect(await target("gpu", config)).toMatchObject({ port: 2222, user: "filed" });
  expect(await target("gpu", config, { port: 22 })).toMatchObject({ port: 22 });
  const options = { User: "optional", Port: "3333", connecttimeout: "30", ServerAliveInterval: "5", IdentityFile: "~/k" };
  expect(await target("gpu", config, { user: "fielded", identity: "~/own", options })).toMatchObject({
    port: 3333,
    user: "fielded",
    connectTimeoutMs: 30_000,
    aliveIntervalMs: 5000,
    aliveCountMax: 9,
    identityFiles: [
      { path: join(homedir, "own"), required: true },
      { path: join(homedir, "k"), required: false },
      { path: "/k/file", required: false },
    ],
    certificateFiles: ["/k/cert"],
  });
});

test("the system's file counts after the user's, from its own beginning", async () => {
  const user = write("Host gpu\n  Port 2222\nHost other\n");
  const system = write("User everybody\nHost gpu\n  Port 1111\n  ServerAliveCountMax 4\n");
  const files = [
    { path: user, kind: "user" as const },
    { path: system, kind: "system" as const },
  ];
  const record = { address: "gpu", sshConfig: true, options: {} };
  expect(await resolveTarget(record, { local, files, run: undefined })).toMatchObject({
    value: { port: 2222, user: "everybody", aliveCountMax: 4 },
  });
});

test("tokens, variables and ~ in key files and the agent's path", async () => {
  const config = write(
    "Host gpu\n  HostName %h.example\n  Port 2222\n  User me\n  IdentityFile ~/.ssh/%r@%h:%p-%n-%%-%u\n  IdentityFile ${AGENT}/%d\n  IdentityFile ${NOT_SET}/x\n  IdentityFile /x/%y\n  IdentityAgent $AGENT\nHost unset\n  IdentityAgent $NOT_SET\nHost named\n  IdentityAgent SSH_AUTH_SOCK\nHost home\n  IdentityAgent ~/agent-%r\n",
  );
  const gpu = await target("gpu", config);
  expect(gpu.identityFiles.map(({ path }) => path)).toEqual([
    `${homedir}/.ssh/me@gpu.example:2222-gpu-%-${username}`,
    `/run/agent/${homedir}`,
  ]);
  expect(gpu.agent).toEqual({ kind: "socket", path: "/run/agent" });
  expect((await target("unset", config)).agent).toEqual({ kind: "none" });
  expect((await target("named", config)).agent).toEqual({ kind: "environment" });
  expect((await target("home", config)).agent).toEqual({ kind: "socket", path: `${homedir}/agent-${username}` });
});

test("times beyond what a timer can hold are a day, and none is no time", async () => {
  const options = { ConnectTimeout: "999999999w", ServerAliveInterval: "999999999", ServerAliveCountMax: "0" };
  const day = 86_400_000;
  expect(await target("gpu", undefined, { options })).toMatchObject({ connectTimeoutMs: day, aliveIntervalMs: day, aliveCountMax: 3 });
});

test("lists of algorithms replace ours, add to them, take from them, or go before them", async () => {
  const config = write(
    "Host a\n  Ciphers aes256-ctr,aes128-ctr\n  KexAlgorithms -ecdh-*,diffie-*\n  MACs ^hmac-sha2-512\n  HostKeyAlgorithms +ssh-x\n  PubkeyAcceptedKeyTypes rsa-sha2-512\n",
  );
  const { algorithms } = await target("a", config);
  expect(algorithms).toMatchObject({
    ciphers: ["aes256-ctr", "aes128-ctr"],
    kex: ["curve25519-sha256", "curve25519-sha256@libssh.org"],
    macs: ["hmac-sha2-512", "hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256"],
    publicKeys: ["rsa-sha2-512"],
  });
  expect(algorithms.hostKeys.at(-1)).toBe("ssh-x");
  const defaults = (await target("b", config)).algorithms;
  expect(
    Object.values(defaults)
      .flat()
      .filter((name) => /sha1|ssh-rsa|cbc|md5/.test(name)),
  ).toEqual([]);
});

test("hosts on the way have settings of their own; only the first of them its own way", async () => {
  const config = write(
    "Host gpu\n  ProxyJump one,two@inner:2022\n  User me\nHost one\n  ProxyJump zero\n  Port 1001\nHost zero\n  ProxyCommand nc %h %p\n  User zed\nHost inner\n  HostName 10.0.0.9\n  ProxyJump elsewhere\n  User overridden\n",
  );
  const { route } = await target("gpu", config);
  expect(route).toMatchObject({
    kind: "jump",
    hops: [
      { alias: "zero", user: "zed", port: 22, route: { kind: "command", line: "nc zero 22" } },
      { alias: "one", port: 1001, route: { kind: "direct" } },
      { alias: "inner", hostName: "10.0.0.9", user: "two", port: 2022, route: { kind: "direct" } },
    ],
  });
  const byOption = await target("gpu", undefined, { options: { ProxyJump: "me@[2001:db8::1]:2022" } });
  expect(byOption.route).toMatchObject({ kind: "jump", hops: [{ hostName: "2001:db8::1", user: "me", port: 2022 }] });
  expect((await target("gpu", config, { options: { ProxyJump: "none" } })).route).toEqual({ kind: "direct" });
});

test.each([
  ["Host gpu\n  HostName a b\n  Port abc\n", 3, "'abc' is not a port"],
  ["Host gpu\n  Port 70000\n", 2, "'70000' is not a port"],
  ["Host gpu\n\n  IdentitiesOnly perhaps\n", 3, "'perhaps' is not yes or no"],
  ["ConnectTimeout soon\n", 1, "'soon' is not a time"],
  ["User\n", 1, "user says nothing"],
  ['Host gpu\n  IdentityFile "open\n', 2, "a quote is not closed"],
  ["Match\n", 1, "Match says nothing"],
  ["Match host\n", 1, "Match host says nothing"],
  ["Match all host x\n", 1, "Match all stands alone"],
  ["Match tagged x\n", 1, "Match tagged is not known here"],
  ['Match exec "true %y"\n', 1, "Match exec holds a token that there is not"],
  ["ProxyCommand nc %y\n", 1, "it holds a token that there is not"],
  ["ProxyJump a;b\n", 1, "Host 'a;b' holds characters that no host name has"],
  ["ProxyJump gpu\n", 1, "there are more than 8 hosts on the way, or they go in a circle"],
  [
    `ProxyJump ${Array.from({ length: 20 }, (_, i) => `h${i}`).join(",")}\nHost h0\n  ProxyJump none\n`,
    1,
    "there are more than 8 hosts on the way, or they go in a circle",
  ],
  ["HostName -oProxyCommand=x\n", 1, "the name '-oProxyCommand=x' begins with a dash"],
  ["HostName $(id)\n", 1, "the name '$(id)' holds characters that no host name has"],
  ["User a;id\n", 1, "the user 'a;id' holds characters that no user name has"],
  ["ProxyCommand x\nProxyUseFdpass yes\n", 1, "ProxyUseFdpass is not spoken here"],
  ["RevokedHostKeys /x\n", 1, "RevokedHostKeys is not read here; put @revoked lines into a known_hosts file instead"],
  ["Include\n", 1, "Include names no file"],
])("%j is an error that names file and line", async (text, line, problem) => {
  const path = write(text);
  expect(await resolve("gpu", path)).toEqual({
    ok: false,
    error: { code: "ssh_config_invalid", detail: `${path}:${line}: ${problem}.`, field: "sshConfig" },
  });
});

test("what is wrong in lines for other hosts is nobody's business", async () => {
  expect(await target("gpu", write("Host other\n  Port abc\n"))).toMatchObject({ port: 22 });
});

test("Match exec where nothing is run is an error, and only where it would decide", async () => {
  const text = (criteria: string) => write(`Match ${criteria} exec "touch ${directory}/ran"\n  Port 1\n`);
  const without = (path: string) =>
    resolveTarget({ address: "gpu", sshConfig: true, options: {} }, { local, files: [{ path, kind: "user" }], run: undefined });
  expect(await without(text("host gpu"))).toMatchObject({ ok: false, error: { code: "ssh_config_invalid", hint: expect.any(String) } });
  expect(await without(text("host other"))).toMatchObject({ ok: true, value: { port: 22 } });
});

test("a command of Match sees no secrets of ours", async () => {
  const run = matchRunner({ PATH: process.env["PATH"], ANTHROPIC_API_KEY: "s", MAESTRO_TOKEN: "s" });
  expect(await run('test -z "$ANTHROPIC_API_KEY$MAESTRO_TOKEN" && test -n "$PATH"')).toBe(true);
  expect(await run("exit 1")).toBe(false);
  expect(await run("no-such-command")).toBe(false);
});

test("a file that includes itself, or others without end, is an error and no endless loop", async () => {
  const path = join(directory, "circle");
  for (const text of [`Include ${path}\n`, `Include ${path} ${path} ${path}\n`]) {
    write(text, "circle");
    expect(await resolve("gpu", path)).toMatchObject({
      ok: false,
      error: { code: "ssh_config_invalid", detail: expect.stringContaining(path) },
    });
  }
});

test("a file that others may write to is refused, as ssh does; one that is missing is empty; one that is none is an error", async () => {
  const path = write("Port 1\n");
  chmodSync(path, 0o602);
  expect(await resolve("gpu", path)).toMatchObject({ ok: false, error: { code: "insecure_permissions", hint: `chmod go-w ${path}` } });
  expect(() => execFileSync("ssh", ["-G", "-F", path, "gpu"], { stdio: "pipe" })).not.toThrow();
  const outer = write(`Include ${path}\n`);
  expect(await resolve("gpu", outer)).toMatchObject({ ok: false, error: { code: "insecure_permissions" } });
  expect(() => execFileSync("ssh", ["-G", "-F", outer, "gpu"], { stdio: "pipe" })).toThrow(/Bad owner or permissions/);
  expect(await target("gpu", join(directory, "missing"))).toMatchObject({ port: 22 });
  expect(await resolve("gpu", directory)).toMatchObject({ ok: false, error: { code: "ssh_config_invalid" } });
});

test.each([
  [{ address: "-oProxyCommand=id" }, "host_invalid", "address"],
  [{ user: "a;id" }, "user_invalid", "user"],
  [{ options: { ProxyCommand: "id" } }, "field_invalid", "options.ProxyCommand"],
  [{ options: { StrictHostKeyChecking: "no" } }, "field_invalid", "options.StrictHostKeyChecking"],
  [{ options: { UserKnownHostsFile: "/dev/null" } }, "field_invalid", "options.UserKnownHostsFile"],
  [{ options: { ProxyJump: "-oProxyCommand=id" } }, "field_invalid", "options.proxyjump"],
  [{ options: { HostName: "$(id)" } }, "field_invalid", "options.hostname"],
])("a record that came unchecked is checked: %j", async (more, code, field) => {
  expect(await resolve("gpu", undefined, more)).toMatchObject({ ok: false, error: { code, field } });
});

const listed = async (text: string) => {
  const hosts = await listHosts(write(text), local);
  if (!hosts.ok) throw new Error(hosts.error.detail);
  return hosts.value;
};

test("[SSH8] hosts are listed with what counts for each; wildcards are none, and of several names the first is taken", async () => {
  expect(
    await listed(
      'HOST one\r\n  HOSTNAME=one.example # inline\r\n  PORT 2222\r\n  USER admin\r\n  IdentityFile ~/k\r\nHost *\n  User everybody\nHost dev-* !dev-1 b c\nHost d "e f" g\n  ProxyJump me@hop\nHost alone\nHost one\n',
    ),
  ).toEqual([
    { host: "one", hostName: "one.example", port: 2222, user: "admin", identityFile: join(homedir, "k") },
    { host: "b", user: "everybody" },
    { host: "d", user: "everybody", proxyJump: "me@hop" },
    { host: "alone", user: "everybody" },
  ]);
});

test.each(["99999", "0", "abc"])("[SSH8] port %s is none", async (port) =>
  expect(await listed(`Host a\n  Port ${port}\n`)).toEqual([{ host: "a" }]),
);
test.each(["", "# only a comment\n", "Host *\n  User x\n"])("[SSH8] %j lists nothing", async (text) =>
  expect(await listed(text)).toEqual([]),
);

test("[SSH8] hosts of included files are listed, Match counts but for what would have to be run", async () => {
  const inner = write("Host inner\n  Port 2\n");
  expect(
    await listed(
      `Include ${inner}\nMatch host inner\n  User matched\nMatch exec "touch ${directory}/listed"\n  HostName ran\nHost outer\n`,
    ),
  ).toEqual([{ host: "inner", port: 2, user: "matched" }, { host: "outer" }]);
  expect(() => execFileSync("test", ["-e", `${directory}/listed`])).toThrow();
});

test("[SSH8] no file is no hosts; one that cannot be read says why", async () => {
  expect(await listHosts(join(directory, "missing"), local)).toEqual({ ok: true, value: [] });
  expect(await listHosts(directory, local)).toMatchObject({ ok: false, error: { code: "ssh_config_invalid" } });
});
