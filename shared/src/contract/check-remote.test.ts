import { expect, test } from "vitest";
import { checkRemote } from "./check-remote.ts";
import type { RemoteBody } from "./remote-hosts.ts";

const record = (body: Partial<RemoteBody>) => {
  const checked = checkRemote({ address: "gpu.example.com", ...body });
  if (!checked.ok) throw new Error(checked.error.detail);
  return checked.value;
};
const refusal = (body: Partial<RemoteBody>) => {
  const checked = checkRemote({ address: "gpu.example.com", ...body });
  if (checked.ok) throw new Error(`taken: ${JSON.stringify(checked.value)}`);
  return checked.error;
};

test("an address alone is a record: ssh, nothing of the user's own configuration, no container", () => {
  expect(record({})).toEqual({
    transport: "ssh",
    address: "gpu.example.com",
    sshConfig: false,
    options: {},
    env: {},
    container: "none",
  });
});

test.each([
  ["gpu", { address: "gpu" }],
  ["10.0.0.5", { address: "10.0.0.5" }],
  ["deploy@gpu", { address: "gpu", user: "deploy" }],
  ["me@corp.example@gpu", { address: "gpu", user: "me@corp.example" }],
  ["gpu:2222", { address: "gpu", port: 2222 }],
  ["ssh://deploy@gpu:2222", { address: "gpu", user: "deploy", port: 2222 }],
  ["SSH://gpu/", { address: "gpu" }],
  ["ssh://deploy@[2001:db8::5]:2222", { address: "2001:db8::5", user: "deploy", port: 2222 }],
  ["[2001:db8::5]:2222", { address: "2001:db8::5", port: 2222 }],
  ["[::1]", { address: "::1" }],
  ["2001:db8::5", { address: "2001:db8::5" }],
  ["fe80::1%eth0", { address: "fe80::1%eth0" }],
  ["höst.example", { address: "höst.example" }],
])("the address %s is read as %o", (address, expected) => {
  const { user, port, ...rest } = record({ address });
  expect({ address: rest.address, ...(user && { user }), ...(port && { port }) }).toEqual(expected);
});

test.each([
  ["", "host_invalid"],
  ["   ", "host_invalid"],
  ["-oProxyCommand=touch /tmp/x", "host_invalid"],
  ["-oProxyCommand=x@gpu", "host_invalid"],
  ["user@-oProxyCommand=x", "host_invalid"],
  ["gpu ", "host_invalid"],
  ["gpu\n", "host_invalid"],
  ["gpu\u001b[31m", "host_invalid"],
  ["gpu;id", "host_invalid"],
  ["$(id)", "host_invalid"],
  ["gpu`id`", "host_invalid"],
  ["gpu|id", "host_invalid"],
  ["a..b", "host_invalid"],
  ["10.0.0.256", "host_invalid"],
  ["10.0.0", "host_invalid"],
  ["1::2::3", "host_invalid"],
  ["[gpu", "host_invalid"],
  ["https://gpu", "host_invalid"],
  ["ssh://gpu/path", "host_invalid"],
  ["a".repeat(256), "host_invalid"],
  ["@gpu", "user_invalid"],
  ["a;id@gpu", "user_invalid"],
  ["ssh://me:hunter2@gpu", "user_invalid"],
  ["gpu:0", "port_invalid"],
  ["gpu:", "port_invalid"],
  ["[::1]:70000", "port_invalid"],
  ["ssh://gpu:22x", "port_invalid"],
])("the address %j is refused with %s", (address, code) => {
  const error = refusal({ address });
  expect(error).toMatchObject({ code, field: "address" });
  expect(error.detail).not.toContain("hunter2");
  expect(error.detail).not.toContain("\u001b");
});

test.each([0, 70_000, 22.5, -1, Number.NaN, "22 ", "0x16", "022", "", "abc"])("[SEC82] port %j is refused with what a port is", (port) => {
  expect(refusal({ port })).toMatchObject({
    code: "port_invalid",
    field: "port",
    hint: "A port is a whole number from 1 to 65535.",
  });
});

test.each([
  [1, 1],
  ["2222", 2222],
  [65_535, 65_535],
])("port %j is taken", (port, expected) => expect(record({ port }).port).toBe(expected));

test("[SEC83] a host that ssh would read as an option is refused", () => {
  expect(refusal({ address: "-oProxyCommand=id" })).toMatchObject({
    code: "host_invalid",
    detail: "Host '-oProxyCommand=id' begins with a dash.",
    hint: "For example gpu.example.com, user@10.0.0.5 or ssh://user@[2001:db8::5]:2222",
  });
});

test.each(["a;id", "-l root", "a b", "$(id)", "a\u0000", "a'b", "end\\", "u".repeat(65)])("[SEC84] user %j is refused", (user) => {
  const hint = "A user is made of letters, digits, '_', '.' and '-'.";
  expect(refusal({ user })).toMatchObject({ code: "user_invalid", field: "user", hint });
  const within = user.startsWith("-") ? "host_invalid" : "user_invalid";
  expect(refusal({ address: `${user}@gpu` })).toMatchObject({
    code: within,
    field: "address",
    ...(within === "user_invalid" ? { hint } : {}),
  });
});

test.each(["deploy", "_svc", "1st", "first.last", "CORP\\me", "host$"])("user %s is taken", (user) =>
  expect(record({ user }).user).toBe(user),
);

test("[SEC89] a transport that is none is refused with those that are", () => {
  expect(refusal({ transport: "carrier-pigeon" })).toEqual({
    code: "transport_invalid",
    detail: "There is no transport 'carrier-pigeon'.",
    field: "transport",
    hint: "Transports are ssh and tailscale.",
  });
});

test.each([
  ["gpu.tail1234.ts.net", "tailscale"],
  ["GPU.Tail1234.TS.NET.", "tailscale"],
  ["100.64.0.1", "tailscale"],
  ["100.127.255.254", "tailscale"],
  ["100.0.0.5", "ssh"],
  ["100.63.255.255", "ssh"],
  ["100.128.0.1", "ssh"],
  ["10.64.0.1", "ssh"],
  ["100.64.example.com", "ssh"],
  ["gpu.notts.net", "ssh"],
])("[DISP5] %s is reached by %s where nothing else is said", (address, transport) => {
  expect(record({ address }).transport).toBe(transport);
  expect(record({ address, transport: "ssh" }).transport).toBe("ssh");
});

test.each([
  [{ address: "me@gpu", user: "you" }, "user_invalid", "user", "The address says user 'me', user says 'you'."],
  [{ address: "gpu:2222", port: 22 }, "port_invalid", "port", "The address says port '2222', port says '22'."],
])("%o contradicts itself, and both are named", (body, code, field, detail) => {
  expect(refusal(body)).toMatchObject({ code, field, detail, hint: "Give one of the two." });
});

test("what is said twice alike is no contradiction", () => {
  expect(record({ address: "me@gpu:2222", user: "me", port: "2222" })).toMatchObject({ address: "gpu", user: "me", port: 2222 });
});

test("[SSH4] blank fields count as absent", () => {
  expect(record({ user: "", identity: " ", cwd: "", container: "" })).toEqual(record({}));
});

test.each([
  [{ identity: "keys/id" }, "field_invalid", "identity"],
  [{ identity: "~other/id" }, "field_invalid", "identity"],
  [{ cwd: "work" }, "field_invalid", "cwd"],
  [{ cwd: "/a\u0000b" }, "nul_byte", "cwd"],
  [{ cwd: "/a\nb" }, "field_invalid", "cwd"],
  [{ container: "-x" }, "field_invalid", "container"],
  [{ container: "a b" }, "field_invalid", "container"],
  [{ container: "c".repeat(129) }, "field_invalid", "container"],
  [{ env: { "invalid-var": "x" } }, "env_name_invalid", "env.invalid-var"],
  [{ env: { "123invalid": "x" } }, "env_name_invalid", "env.123invalid"],
  [{ env: { "in valid": "x" } }, "env_name_invalid", "env.in valid"],
  [{ env: { "in;valid": "x" } }, "env_name_invalid", "env.in;valid"],
  [{ env: { in$valid: "x" } }, "env_name_invalid", "env.in$valid"],
  [{ env: { LD_PRELOAD: "x" } }, "env_denied", "env.LD_PRELOAD"],
  [{ env: { A: "a\u0000b" } }, "nul_byte", "env.A"],
])("%j is refused with %s", (body, code, field) => expect(refusal(body)).toMatchObject({ code, field }));

test.each(["/srv/app", "~", "~/app", "/srv/it's"])("cwd %s is taken", (cwd) => expect(record({ cwd }).cwd).toBe(cwd));
test.each(["none", "auto", "dev-box_1.x"])("container %s is taken", (container) => expect(record({ container }).container).toBe(container));
test("names of variables begin with a letter or '_'", () => {
  expect(record({ env: { VALID_VAR: "1", _ALSO_VALID: "" } }).env).toEqual({ VALID_VAR: "1", _ALSO_VALID: "" });
});

test("no more of variables or options is taken than one message to the host that carries it holds, and that is said once", () => {
  const many = (n: number) => Object.fromEntries(Array.from({ length: n }, (_, i) => [`V${i}`, "x".repeat(1000)]));
  expect(Object.keys(record({ env: many(15) }).env)).toHaveLength(15);
  expect(refusal({ env: many(17) })).toMatchObject({ code: "value_too_large", field: "env", detail: expect.stringMatching(/^.{1,200}$/) });
  expect(refusal({ options: many(500) })).toMatchObject({
    code: "value_too_large",
    field: "options",
    detail: expect.stringMatching(/^.{1,200}$/),
  });
});

test("all that is wrong is said at once, with code and field of the first", () => {
  expect(refusal({ address: "-x", port: "22 ", user: "a;id", transport: "pigeon", env: { "a-b": "" } })).toMatchObject({
    code: "host_invalid",
    field: "address",
    detail:
      "Host '-x' begins with a dash; User 'a;id' holds characters that no user name has; Port '22 ' is none; There is no transport 'pigeon'; 'a-b' is no name of a variable.",
  });
});

test.each([
  ["ProxyCommand", "nc %h %p", "would run a program"],
  ["proxycommand", "nc %h %p", "would run a program"],
  ["LocalCommand", "id", "would run a program"],
  ["PermitLocalCommand", "yes", "would run a program"],
  ["StrictHostKeyChecking", "no", "--accept-host-key"],
  ["StrictHostKeyChecking", "accept-new", "--accept-host-key"],
  ["UserKnownHostsFile", "/dev/null", "--accept-host-key"],
  ["PKCS11Provider", "/tmp/x.so", "load a library"],
  ["LocalForward", "8080 x:80", "nothing is forwarded"],
  ["PasswordAuthentication", "yes", "keys and ssh-agent"],
  ["Include", "/etc/x", "a file is not an option"],
  ["ConectTimeout", "5", "did you mean ConnectTimeout?"],
  ["constructor", "5", "is not an option"],
  ["ConnectTimeout", "soon", "is not a time"],
  ["ServerAliveCountMax", "-1", "is not a number"],
  ["Port", "70000", "is not a port"],
  ["IdentitiesOnly", "maybe", "is not yes or no"],
  ["HostName", "a\nProxyCommand id", "is not text on one line"],
])("the option %s=%j is refused, with why", (name, value, reason) => {
  const error = refusal({ options: { [name]: value } });
  expect(error).toMatchObject({ code: "field_invalid", field: `options.${name}` });
  expect(error.detail).toContain(reason);
});

test.each([
  ["ConnectTimeout", "30"],
  ["connecttimeout", "2m30s"],
  ["ServerAliveInterval", "5"],
  ["StrictHostKeyChecking", "yes"],
  ["BatchMode", "yes"],
  ["ProxyJump", "me@bastion:2222,inner"],
  ["Port", "65535"],
])("the option %s=%s is taken", (name, value) => expect(record({ options: { [name]: value } }).options).toEqual({ [name]: value }));
