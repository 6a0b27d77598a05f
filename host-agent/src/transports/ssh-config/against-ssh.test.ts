import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { pick, seededRandom, type Random } from "../../holder/testing/random.ts";
import { matchRunner } from "./here.ts";
import { resolveTarget } from "./resolve.ts";
import { asOurs, asSsh } from "./testing/as-ssh.ts";

const { username, uid, homedir } = userInfo();
const local = { name: username, uid, home: homedir, hostname: hostname(), env: { PATH: process.env["PATH"] } };

/** Files of which ssh understands all, with every kind of block around every kind of setting. */
function randomConfig(random: Random, include: string | undefined): string {
  const pattern = () => pick(random, ["a", "b", "a*", "*", "?", "!a", "!b", "a.x", "*.x", "!*.x", "B"]);
  const criterion = () =>
    pick(random, [
      `host ${pattern()},${pattern()}`,
      `!host ${pattern()}`,
      `host=${pattern()}`,
      `originalhost ${pattern()}`,
      "user me",
      "!user me",
      `localuser ${username}`,
      'exec "test %h = a"',
      '!exec "test %p = 22"',
      "final",
      "!final",
      "canonical",
    ]);
  const some = (most: number, what: () => string) => Array.from({ length: 1 + Math.floor(random() * most) }, what).join(" ");
  const setting = () =>
    pick(random, [
      `Port ${1 + Math.floor(random() * 9999)}`,
      `User ${pick(random, ["me", "you", '"me"'])}`,
      `HostName ${pick(random, ["%h.x", "a", "b", "c.y", "B.X"])}`,
      `ProxyJump ${pick(random, ["none", "u@j:99", "u@j:99,v@k:98"])}`,
      `ProxyCommand ${pick(random, ["none", "nc %h %p"])}`,
      `IdentityFile ${pick(random, ["none", "/k/1", "/k/2", "/k/3"])}`,
      `ConnectTimeout ${pick(random, ["none", "5", "1m"])}`,
      `ServerAliveInterval ${pick(random, ["0", "5", "1h"])}`,
      `HostKeyAlias ${pick(random, ["q", "R"])}`,
      `IdentitiesOnly ${pick(random, ["yes", "no"])}`,
      `UserKnownHostsFile ${pick(random, ["none", "/kh/%h-%n-%p-%r-%k-%C"])}`,
    ]);
  const line = () => {
    const kind = random();
    if (kind < 0.18) return `${pick(random, ["Host ", "HOST = "])}${some(3, pattern)} # comment`;
    if (kind < 0.36) return `Match ${random() < 0.1 ? "all" : some(2, criterion)}`;
    return kind < 0.44 && include !== undefined ? `Include ${include}` : `  ${setting()}`;
  };
  return `${Array.from({ length: 3 + Math.floor(random() * 10) }, line).join("\n")}\n`;
}

test("[SSH7] of random files, the ssh that is installed makes the same", { timeout: 60_000 }, async () => {
  const seed = Number(process.env["MAESTRO_SEED"] ?? 20_261_129);
  const rounds = Number(process.env["MAESTRO_ROUNDS"] ?? 25);
  const random = seededRandom(seed);
  const directory = mkdtempSync(join(tmpdir(), "against-ssh-"));
  const path = join(directory, "config");
  for (let round = 0; round < rounds; round++) {
    const includes = [0, 1].map(() => randomConfig(random, undefined));
    for (const [index, text] of includes.entries()) writeFileSync(join(directory, `include-${index}`), text, { mode: 0o600 });
    // Whatever the file says of them, hosts on the way are reached directly.
    const text = `Host j k\n  ProxyJump none\n  User u\nMatch all\n${randomConfig(random, join(directory, "include-*"))}`;
    writeFileSync(path, text, { mode: 0o600 });
    for (const address of ["a", "b", "a.x", "B"]) {
      const record = { address, sshConfig: true, options: {} };
      const ours = await resolveTarget(record, { local, files: [{ path, kind: "user" }], run: matchRunner(local.env) });
      const story = `seed ${seed}, round ${round}, host ${address}:\n${text}\n${includes.join("\n")}`;
      expect(ours.ok ? asOurs(ours.value) : ours.error, story).toEqual(asSsh(path, address));
    }
  }
  rmSync(directory, { recursive: true, force: true });
});
