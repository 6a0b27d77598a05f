/** [SSH14] The program that was set for an agent, and what a policy says of it. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { foundThere, refuseThere } from "../carrier/remote-plan.ts";
import { systemClock } from "../daemon/clock.ts";
import { openPolicy } from "../daemon/policy.ts";
import { refuseAgent } from "../daemon/shell-policy.ts";
import { BUILTIN } from "./builtin.ts";
import { Detector } from "./detect.ts";
import { withOwnProgram } from "./own-program.ts";

const home = "/home/dev";
const chosen = (program: string | undefined) => {
  const own = withOwnProgram(BUILTIN.kilo, program, home);
  if (!own.ok) throw new Error(own.error.detail);
  return own.value;
};

describe("here", () => {
  test("a path is taken as it is, a name is looked for, and what the host's settings say of the type's CLI counts for neither", () => {
    const dir = mkdtempSync(path.join(tmpdir(), "mown-"));
    onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
    const make = (...parts: string[]) => {
      const file = path.join(dir, ...parts);
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, "#!/bin/sh\n");
      chmodSync(file, 0o755);
      return file;
    };
    const [usual, next, byName] = [make("kilo"), make("next", "kilo"), make("bin", "kilo-nightly")];
    const detector = new Detector({
      env: () => ({ PATH: path.join(dir, "bin") }),
      overrides: { kilo: [usual] },
      clock: systemClock,
      signal: AbortSignal.abort(),
    });
    expect(detector.locate(chosen(undefined))).toBe(usual);
    expect(detector.locate(chosen(next))).toBe(next);
    expect(detector.locate(chosen("kilo-nightly"))).toBe(byName);
    expect(detector.locate(chosen("kilo-weekly"))).toBeUndefined();
  });

  test("a type without a CLI has nothing in whose place it could be", () => {
    expect(withOwnProgram(BUILTIN.shell, "zsh", home)).toMatchObject({ ok: false, error: { code: "field_invalid", field: "binName" } });
    expect(withOwnProgram(BUILTIN.custom, "/bin/zsh", home)).toMatchObject({ ok: false, error: { code: "field_invalid", field: "bin" } });
  });

  test("[shell: deny] none is taken that was chosen elsewhere", () => {
    const agent = { id: "agt_1", name: "one", type: "kilo", workspace: "/w", args: [], env: {} };
    const type = { slug: "kilo", adapter: "kilo" } as const;
    expect(refuseAgent({ shell: "deny" }, agent, type)).toBeUndefined();
    expect(refuseAgent({ shell: "deny" }, { ...agent, program: "/x/kilo" }, type)).toMatchObject({ code: "policy_denied", field: "bin" });
    expect(refuseAgent({ shell: "allow" }, { ...agent, program: "/x/kilo" }, type)).toBeUndefined();
  });
});

describe("on a remote host", () => {
  const never = () => {
    throw new Error("it is not looked for");
  };

  test("it is below the home that is there, or what its PATH finds under that name", () => {
    expect(foundThere(chosen("~/bin/kilo"), never)).toEqual({ binary: `${home}/bin/kilo`, version: undefined });
    expect(foundThere(chosen("kilo-nightly"), never)).toEqual({ binary: "kilo-nightly", version: undefined });
    expect(foundThere(chosen(undefined), () => ({ binary: "/bin/kilo", version: "1" }))).toEqual({ binary: "/bin/kilo", version: "1" });
  });

  test("the carrier's policy has to name that very program, not the CLI in whose place it is", () => {
    const adapter = chosen("/tmp/evil/kilo");
    const found = foundThere(adapter, never);
    const refused = (binaries: string[]) => refuseThere({ ...openPolicy, binaries }, "/tmp/evil/kilo", adapter, found)?.code;
    expect(refused(["kilo"])).toBe("policy_denied");
    expect(refused(["kilo", "/tmp/evil/kilo"])).toBeUndefined();
  });
});
