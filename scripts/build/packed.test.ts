/** What is packed beside the bundle works where nothing was installed. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { packedWith } from "./packed.ts";
import { tarball } from "./tarball.ts";

const HOST_AGENT = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), "host-agent");

/** A locked key needs bcrypt-pbkdf and tweetnacl, one in PEM needs asn1 and safer-buffer. */
const PROGRAM = `
  import ssh2 from "ssh2";
  import { readFileSync } from "node:fs";
  const [locked, pem] = [process.argv[2], process.argv[3]].map((file) => readFileSync(file));
  const types = [ssh2.utils.parseKey(locked, "secret"), ssh2.utils.parseKey(pem)].map((key) => key.type + " " + key.sign(Buffer.from("x")).length);
  console.log(typeof ssh2.Client, types.join(", "));
`;

test("ssh2 comes with what it needs, without native parts, and works alone", () => {
  const dir = mkdtempSync(join(tmpdir(), "mpack-"));
  try {
    const entries = packedWith("ssh2", HOST_AGENT);
    const packages = new Set(entries.map(({ path }) => path.split("/")[2]));
    expect([...packages].sort()).toEqual(["asn1", "bcrypt-pbkdf", "safer-buffer", "ssh2", "tweetnacl"]);
    expect(entries.filter(({ path }) => /\.(?:node|exe|cc|gyp)$/.test(path))).toEqual([]);
    expect(entries.filter(({ path }) => path.endsWith("LICENSE")).length).toBe(packages.size);

    writeFileSync(join(dir, "a.tgz"), tarball(entries));
    execFileSync("tar", ["-xzf", "a.tgz"], { cwd: dir });
    writeFileSync(join(dir, "package", "program.mjs"), PROGRAM);
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "secret", "-f", join(dir, "locked")]);
    execFileSync("ssh-keygen", ["-q", "-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "", "-f", join(dir, "pem")]);
    const said = execFileSync(process.execPath, [join(dir, "package", "program.mjs"), join(dir, "locked"), join(dir, "pem")], {
      encoding: "utf8",
    });
    expect(said.trim()).toBe("function ssh-ed25519 64, ssh-rsa 256");
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
