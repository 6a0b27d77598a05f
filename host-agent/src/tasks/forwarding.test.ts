import { describe, expect, test } from "vitest";
import { openPolicy } from "../daemon/policy.ts";
import { generateSealingKey } from "../daemon/identity.ts";
import { forwardedEnv, refuseNames, recall, secretsIn } from "./forwarding.ts";
import { seal } from "./testing/sealed.ts";
import { unseal } from "./unseal.ts";

const names = (more: { env?: Record<string, string>; hostEnv?: string[]; secretNames?: string[] } = {}) => ({
  env: {},
  hostEnv: [],
  secretNames: [],
  ...more,
});

describe("[TK5] names", () => {
  test.each([
    ["a provider's key of the host", names({ hostEnv: ["OPENAI_API_KEY"] }), openPolicy, undefined],
    ["another variable of the host", names({ hostEnv: ["AWS_SECRET"] }), openPolicy, "env.AWS_SECRET"],
    ["the same, named by the policy", names({ hostEnv: ["AWS_SECRET"] }), { ...openPolicy, forward: ["AWS_SECRET"] }, undefined],
    ["the same, named by its environment", names({ hostEnv: ["AWS_SECRET"] }), { ...openPolicy, alsoForward: ["AWS_SECRET"] }, undefined],
    [
      "one of its environment that the policy leaves out",
      names({ hostEnv: ["AWS_SECRET"] }),
      { ...openPolicy, alsoForward: ["AWS_SECRET"], forward: [] },
      "env.AWS_SECRET",
    ],
    ["a key that the policy leaves out", names({ hostEnv: ["OPENAI_API_KEY"] }), { ...openPolicy, forward: [] }, "env.OPENAI_API_KEY"],
    ["a secret of the fleet", names({ secretNames: ["DEPLOY_KEY"] }), openPolicy, undefined],
    ["one that the policy leaves out", names({ secretNames: ["DEPLOY_KEY"] }), { ...openPolicy, forward: ["X"] }, "env.DEPLOY_KEY"],
    ["its own token, whatever the policy", names({ secretNames: ["MAESTRO_TOKEN"] }), { ...openPolicy, forward: [] }, undefined],
    ["a secret by a forbidden name", names({ secretNames: ["LD_PRELOAD"] }), openPolicy, "env.LD_PRELOAD"],
    ["a variable of git's configuration", names({ env: { GIT_CONFIG_COUNT: "1" } }), openPolicy, "env.GIT_CONFIG_COUNT"],
    ["a free variable where there is no shell", names({ env: { EDITOR: "x" } }), { ...openPolicy, shell: "deny" as const }, "env.EDITOR"],
  ])("%s", (_, given, policy, field) => {
    expect(refuseNames(given, policy)?.field).toBe(field);
  });

  test("what was not announced is not set, and what was is needed", () => {
    const own = { OPENAI_API_KEY: "from-host", OTHER: "x" };
    const given = { hostEnv: ["OPENAI_API_KEY"], secretNames: ["A"] };
    expect(forwardedEnv(given, { A: "1", B: "2", MAESTRO_TOKEN: "t", MAESTRO_URL: "u" }, own)).toEqual({
      ok: true,
      value: { env: { OPENAI_API_KEY: "from-host", A: "1", MAESTRO_TOKEN: "t", MAESTRO_URL: "u" }, secrets: ["from-host", "1", "t"] },
    });
    expect(forwardedEnv(given, {}, own)).toMatchObject({ ok: false, error: { code: "secret_not_found", field: "env.A" } });
    expect(forwardedEnv(given, { A: "1" }, {})).toMatchObject({
      ok: false,
      error: { code: "secret_not_found", field: "env.OPENAI_API_KEY" },
    });
  });

  test("of a child that is taken up they are read from itself", () => {
    const environ = "PATH=/bin\0MAESTRO_ATTEMPT_ID=att_1\0A=1=2\0MAESTRO_TOKEN=t\0MAESTRO_URL=u\0B=no\0";
    const task = { attempt: "att_1", hostEnv: ["A"], secretNames: ["B", "MAESTRO_URL"] };
    expect(recall(task, environ, {})).toEqual({ values: ["t", "no", "1=2"], ask: [], unknown: [], sure: true });
    // Ended meanwhile, it tells nothing; and the daemon before this one may have had another value.
    expect(recall(task, "", { A: "3", C: "4" })).toEqual({ values: ["3"], ask: ["MAESTRO_TOKEN", "B"], unknown: [], sure: false });
    expect(recall(task, "B=no\0MAESTRO_ATTEMPT_ID=att_1", {})).toEqual({
      values: ["no"],
      ask: ["MAESTRO_TOKEN"],
      unknown: ["A"],
      sure: false,
    });
    expect(recall(task, environ, { A: "3" }).values).toEqual(["t", "no", "1=2", "3"]);
    // Its pid is of another attempt's child by now.
    expect(recall({ ...task, attempt: "att_12" }, environ, {})).toMatchObject({ values: [], ask: ["MAESTRO_TOKEN", "B"], unknown: ["A"] });
    expect(secretsIn({ MAESTRO_TOKEN: "t", MAESTRO_URL: "u" }, ["MAESTRO_TOKEN", "B"])).toEqual({ values: ["t"], missing: ["B"] });
  });
});

describe("[TK5] sealed for this host", () => {
  const key = generateSealingKey();
  const sealed = seal({ A: "1", Ü: "é\n" }, key, "att_1", 3);

  test("it opens with this host's key, for this attempt and fence", () => {
    expect(unseal(sealed, key, "att_1", 3)).toEqual({ ok: true, value: { A: "1", Ü: "é\n" } });
  });

  test("and for nothing else", () => {
    const bytes = Buffer.from(sealed, "base64url");
    const refused = { ok: false, error: { code: "signature_invalid" } };
    expect(unseal(sealed, generateSealingKey(), "att_1", 3)).toMatchObject(refused);
    expect(unseal(sealed, key, "att_2", 3)).toMatchObject(refused);
    expect(unseal(sealed, key, "att_1", 4)).toMatchObject(refused);
    for (let at = 0; at < bytes.byteLength; at += 7) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      // The top bit of an X25519 key is not looked at.
      expect(unseal(changed.toString("base64url"), key, "att_1", 3)).toMatchObject(refused);
      expect(unseal(bytes.subarray(0, at).toString("base64url"), key, "att_1", 3)).toMatchObject(refused);
    }
    expect(unseal("", key, "att_1", 3)).toMatchObject(refused);
    expect(unseal(seal({}, key, "att_1", 3), key, "att_1", 3)).toEqual({ ok: true, value: {} });
  });
});
