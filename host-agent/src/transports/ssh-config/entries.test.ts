/** What an ssh_config offers to be added as remote hosts [SSH8]. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { HostSshConfig } from "@maestro/shared/contract/ssh-config";
import { MAX_SSH_CONFIG_ENTRIES, PAGE_BYTES } from "@maestro/shared/limits";
import { configEntries } from "./entries.ts";

let home: string;
beforeAll(() => void (home = mkdtempSync(join(tmpdir(), "entries-"))));
afterAll(() => rmSync(home, { recursive: true, force: true }));

const local = () => ({ name: "me", uid: process.getuid?.() ?? 0, home, hostname: "laptop", env: {} });
async function offered(text: string, { late = () => false, system = "" }: { late?: () => boolean; system?: string } = {}) {
  const file = (name: string, content: string) => {
    writeFileSync(join(home, name), content, { mode: 0o600 });
    return join(home, name);
  };
  const files = { own: { path: file("own", text), kind: "user" }, system: [{ path: file("system", system), kind: "system" }] } as const;
  const told = await configEntries(files, local(), late);
  if (!told.ok) throw new Error(told.error.detail);
  return HostSshConfig.pick({ entries: true, truncated: true }).parse(told.value);
}
const problems = async (text: string) =>
  Object.fromEntries((await offered(text)).entries.map(({ host, problem = "" }) => [host, problem.replaceAll(home, "~")]));

test("[SSH8] each Host is told with what counts for it, and of a key no more than where it lies", async () => {
  writeFileSync(join(home, "secret"), "-----BEGIN OPENSSH PRIVATE KEY-----\nHost stolen\n", { mode: 0o600 });
  const told = await offered(
    [
      "Host gpu",
      " HostName gpu.example.com",
      " Port 2222",
      " IdentityFile ~/secret",
      " ProxyJump bastion",
      "Host bare *.lab",
      "Host *",
    ].join("\n"),
    { system: "Host everywhere\nHost *\n User of-the-system" },
  );
  expect(told).toEqual({
    truncated: false,
    entries: [
      {
        host: "gpu",
        hostName: "gpu.example.com",
        port: 2222,
        user: "of-the-system",
        identityFile: join(home, "secret"),
        proxyJump: "bastion",
      },
      { host: "bare", user: "of-the-system" },
    ],
  });
});

test("[SSH8] what no remote host can be made of is told with why, and the others with it", async () => {
  expect(
    await problems(
      [
        "Host fine",
        "Host dev@box",
        "Host $(id)",
        "Host revoking",
        " RevokedHostKeys /k",
        "Host round",
        " ProxyJump round",
        "Host strange",
        " User a b;c",
        " HostName %q",
      ].join("\n"),
    ),
  ).toEqual({
    fine: "",
    "dev@box": "Its name would be read as an address with a user or a port.",
    "$(id)": expect.stringContaining("holds characters that no host name has"),
    revoking: expect.stringContaining("own:5: RevokedHostKeys is not read here"),
    round: expect.stringContaining("in a circle"),
    strange: expect.stringContaining("own:10: the name '%q' holds a token that there is not"),
  });
});

test("[SSH8] nothing is run to tell what a file says", async () => {
  const flag = join(home, "ran");
  const { entries } = await offered(`Match exec "touch ${flag}"\n Port 9\nHost a\n ProxyCommand touch ${flag}\n`);
  expect(entries).toEqual([{ host: "a" }]);
  expect(existsSync(flag)).toBe(false);
});

test("[SSH8] it is bounded in number, in size and in time, and says that there is more", async () => {
  const hosts = (count: number, more = "") => Array.from({ length: count }, (_, i) => `Host h${i}\n${more}`).join("\n");
  const many = await offered(hosts(MAX_SSH_CONFIG_ENTRIES + 1));
  expect(many).toMatchObject({ truncated: true, entries: { length: MAX_SSH_CONFIG_ENTRIES } });
  expect(await offered(hosts(3))).toMatchObject({ truncated: false, entries: { length: 3 } });

  const large = await offered(hosts(100, ` IdentityFile /${"k".repeat(1000)}`));
  expect(large.truncated).toBe(true);
  expect(Buffer.byteLength(JSON.stringify(large.entries))).toBeLessThanOrEqual(PAGE_BYTES);
  expect(large.entries.length).toBeGreaterThan(40);

  let looks = 0;
  expect(await offered(hosts(9), { late: () => ++looks > 4 })).toMatchObject({ truncated: true, entries: { length: 4 } });
});

test("[SSH8] what is too long for its field is left out, and a name that is too long is refused for it", async () => {
  const name = "h".repeat(300);
  const { entries } = await offered(`Host ${name}\nHost a\n IdentityFile /${"k".repeat(2000)}\n HostName ${"n".repeat(400)}`);
  expect(entries).toMatchObject([
    { host: name.slice(0, 255), problem: expect.stringContaining("longer than 255") },
    { host: "a", problem: expect.stringContaining("longer than 255") },
  ]);
  expect(entries[1]).not.toHaveProperty("identityFile");
});
