import { createPrivateKey, generateKeyPairSync, X509Certificate } from "node:crypto";
import { describe, expect, test } from "vitest";
import { readForwardEnv } from "../config/forward-env.ts";
import { bindingsOf } from "./bindings.ts";
import { selfSigned } from "./certificate.ts";
import { launcherText, pathLine } from "./launcher.ts";
import { peersOf, planListen, type ListenPlan } from "./listen-plan.ts";
import { pendingMigrations, splitStatements } from "./migrations.ts";
import { originsOf, ownNames } from "./origins.ts";
import { suggestedHostName } from "../daemon/host-name.ts";
import { restartDelayMs } from "./supervise.ts";

const request = { bind: undefined, port: 23_000, tls: undefined, allowHttp: [] };

describe("where the control plane listens", () => {
  test.each([
    [{}, { bind: "127.0.0.1", port: 23_000, protection: { type: "loopback" } }],
    [{ bind: "localhost" }, { bind: "127.0.0.1", protection: { type: "loopback" } }],
    [{ bind: "[::1]" }, { bind: "::1", protection: { type: "loopback" } }],
    [{ bind: "0.0.0.0", tls: "auto" }, { protection: { type: "tls-auto" } }],
    [{ bind: "10.0.0.1", tls: "c.pem,k.pem" }, { protection: { type: "tls-files", certFile: "c.pem", keyFile: "k.pem" } }],
    [{ bind: "100.64.1.2", allowHttp: ["100.64.0.0/10"] }, { protection: { type: "allow-http", networks: ["100.64.0.0/10"] } }],
  ])("%j is accepted", (given, plan) => {
    expect(planListen({ ...request, ...given })).toMatchObject({ ok: true, value: plan });
  });

  test.each([
    [{ bind: "0.0.0.0" }, "tls_required"],
    [{ bind: "192.168.1.4" }, "tls_required"],
    [{ bind: "::" }, "tls_required"],
    [{ bind: "example.com" }, "flag_invalid"],
    [{ tls: "yes" }, "flag_invalid"],
    [{ tls: "a,b,c" }, "flag_invalid"],
    [{ allowHttp: ["100.64.0.0"] }, "flag_invalid"],
    [{ allowHttp: ["100.64.0.0/33"] }, "flag_invalid"],
    [{ tls: "auto", allowHttp: ["10.0.0.0/8"] }, "conflicting_flags"],
  ])("%j is refused as %s", (given, code) => {
    expect(planListen({ ...request, ...given })).toMatchObject({ ok: false, error: { code } });
  });

  test("plain http is for this machine and the allowed networks", () => {
    const may = peersOf(["100.64.0.0/10", "fd7a::/16"]);
    expect(
      ["127.0.0.1", "::1", "::ffff:127.0.0.1", "100.100.1.1", "::ffff:100.64.0.1", "fd7a::1"].filter((address) => !may(address)),
    ).toEqual([]);
    expect(["10.0.0.1", "100.128.0.1", "::ffff:10.0.0.1", "fd7b::1", "", undefined].filter((address) => may(address))).toEqual([]);
  });
});

describe("how the control plane is called", () => {
  const inet = (address: string, family: "IPv4" | "IPv6", internal = false) => ({
    address,
    family,
    internal,
    netmask: "",
    mac: "",
    cidr: null,
    ...(family === "IPv6" ? { scopeid: 0 } : {}),
  });
  const machine = {
    hostname: "box",
    interfaces: {
      lo: [inet("127.0.0.1", "IPv4", true)],
      eth0: [inet("fe80::1", "IPv6"), inet("fd00::5", "IPv6"), inet("192.168.1.9", "IPv4")],
    } as never,
  };

  test("on loopback by its address, and by localhost in the browser", () => {
    const origins = originsOf({ bind: "127.0.0.1", port: 1, protection: { type: "loopback" } }, 23_000, machine);
    expect(origins).toMatchObject({ local: "http://127.0.0.1:23000", public: "http://127.0.0.1:23000" });
    expect(origins.all).toContain("http://localhost:23000");
  });

  test("everywhere: here by loopback, elsewhere by an address of this machine", () => {
    const origins = originsOf({ bind: "0.0.0.0", port: 1, protection: { type: "tls-auto" } }, 23_000, machine);
    expect(origins).toMatchObject({ local: "https://127.0.0.1:23000", public: "https://192.168.1.9:23000" });
    expect(origins.all).toEqual(expect.arrayContaining(["https://[fd00::5]:23000", "https://localhost:23000", "https://box:23000"]));
  });

  test("in plain http by names that no page of elsewhere can have, and with TLS by whatever the certificate says", () => {
    const names = (protection: ListenPlan["protection"], hostname = "Box.corp.example") =>
      ownNames({ bind: "127.0.0.1", port: 1, protection }, { ...machine, hostname });
    expect(names({ type: "loopback" })).toEqual(["localhost", "box.corp.example", "box", "box.local"]);
    expect(names({ type: "allow-http", networks: ["10.0.0.0/8"] }, "box")).toEqual(["localhost", "box", "box.local"]);
    expect(names({ type: "loopback" }, "no,name")).toEqual(["localhost"]);
    expect(names({ type: "tls-auto" })).toEqual([]);
  });

  test("on one address by that", () => {
    expect(originsOf({ bind: "192.168.1.9", port: 1, protection: { type: "tls-auto" } }, 443, machine)).toMatchObject({
      local: "https://192.168.1.9",
      public: "https://192.168.1.9",
    });
  });
});

describe("the certificate of --tls auto", () => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const pem = selfSigned({
    privateKey,
    commonName: "Maestro control plane",
    hosts: ["localhost", "127.0.0.1", "fd00::5", "box.example"],
    notBeforeMs: Date.parse("2026-01-01T00:00:00Z"),
    notAfterMs: Date.parse("2055-01-01T00:00:00Z"),
    serial: Uint8Array.from([0, 0x80, 1, 2]),
  });

  test("is one that others can read, of the given key, names, addresses and times", () => {
    const read = new X509Certificate(pem);
    expect(read.checkPrivateKey(createPrivateKey(privateKey.export({ type: "pkcs8", format: "pem" })))).toBe(true);
    expect(read.verify(read.publicKey)).toBe(true);
    expect(read.subject).toBe("CN=Maestro control plane");
    expect(read.checkHost("box.example")).toBe("box.example");
    expect(read.checkIP("127.0.0.1")).toBe("127.0.0.1");
    expect(read.checkIP("fd00:0::5")).toBeDefined();
    expect(read.checkHost("evil.example")).toBeUndefined();
    expect([Date.parse(read.validFrom), Date.parse(read.validTo)]).toEqual([
      Date.parse("2026-01-01T00:00:00Z"),
      Date.parse("2055-01-01T00:00:00Z"),
    ]);
    expect(read.serialNumber).toBe("800102");
  });
});

describe("migrations", () => {
  const all = ["0000_a.sql", "0001_b.sql", "0002_c.sql"].map((name) => ({ name, statements: [] }));

  test("go forward in order, from where the records end", () => {
    expect(pendingMigrations(all, ["0000_a.sql"])).toEqual(all.slice(1));
    expect(pendingMigrations(all, [])).toEqual(all);
  });

  test("[F15] of a newer version are left alone: migrations only add", () => {
    expect(pendingMigrations(all, ["0000_a.sql", "0001_b.sql", "0002_c.sql", "0009_z.sql"])).toEqual([]);
  });

  test("are cut into statements where drizzle-kit marked it", () => {
    expect(splitStatements("CREATE TABLE a (x);\n--> statement-breakpoint\nCREATE TABLE b (y);\n")).toEqual([
      "CREATE TABLE a (x);",
      "CREATE TABLE b (y);",
    ]);
  });
});

test("the launcher quotes what it is given and keeps a home that was set", () => {
  expect(launcherText(["/opt/no'de", "/a b/bin.js"], '/tmp/h"o$me')).toBe(
    `#!/bin/sh\n# Written by \`maestro up\`.\nMAESTRO_HOME="\${MAESTRO_HOME:-/tmp/h\\"o\\$me}"\nexport MAESTRO_HOME\nexec '/opt/no'\\''de' '/a b/bin.js' "$@"\n`,
  );
  const paths = { binDir: "/h/bin" } as Parameters<typeof pathLine>[0];
  expect(pathLine(paths, "/usr/bin")).toBe('export PATH="/h/bin:$PATH"');
  expect(pathLine(paths, "/usr/bin:/h/bin")).toBeUndefined();
});

test.each([
  ["Box.example.com", "box"],
  ["MÜLLER laptop", "m-ller-laptop"],
  ["---", "this-machine"],
  ["", "this-machine"],
])("a machine called %j joins as %s", (hostname, name) => {
  expect(suggestedHostName(hostname)).toBe(name);
});

test("a child that keeps dying is started ever more slowly", () => {
  expect([0, 1, 2, 3, 10].map(restartDelayMs)).toEqual([250, 500, 1000, 2000, 15_000]);
});

test("[TK5] the Worker takes from callers what `up` was started with in FORWARD_ENV", () => {
  const bindings = bindingsOf({
    secrets: { root: "r", bootstrapSha256: "b" },
    origins: { public: "http://127.0.0.1:23000", all: ["http://127.0.0.1:23000", "http://localhost:23000"] },
    names: ["box"],
    pin: undefined,
    protection: { type: "loopback" },
    forwardable: readForwardEnv({ FORWARD_ENV: "NPM_TOKEN, DEPLOY_KEY" }),
    timeScale: 1,
  });
  expect(bindings).toMatchObject({ FORWARD_ENV: "NPM_TOKEN,DEPLOY_KEY", PLAIN_HTTP: "", HOST_NAMES: "box" });
});
