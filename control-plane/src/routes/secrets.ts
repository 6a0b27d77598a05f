/** [TK5] The fleet's secrets: values go in and never come out again; tasks name them. */
import { isDeniedEnv } from "@maestro/shared/contract/check-agent-type";
import { SecretName, type Secret } from "@maestro/shared/contract/state";
import { fail } from "@maestro/shared/errors";
import { escapeUnsafe } from "@maestro/shared/sanitize";
import { SECRET_IV_BYTES, sealSecret } from "../crypto/secret-box.ts";
import { defineRoutes, unwrap } from "../http/define-route.ts";
import { actorFor, schedulerOf } from "../objects/scheduler-call.ts";

const MAX_NAME_CHARS = 128;

export const secretRoutes = defineRoutes({
  async secrets(rx) {
    const { limit, after } = await rx.page();
    const rest: Secret[] = (await schedulerOf(rx).secrets()).filter(({ name }) => after === undefined || name > after);
    const shown = rest.slice(0, limit);
    return rx.list({ rows: shown, next: rest.length > limit ? shown.at(-1)?.name : undefined }, (secret) => secret);
  },

  async secretPut(rx) {
    const name = nameOf(rx.params.name);
    const { value } = rx.body;
    if (value.includes("\0"))
      throw fail("nul_byte", "'value' contains a NUL byte.", { field: "value", hint: "An environment cannot hold one." });
    const place = { kind: "fleet", fleet: rx.fleet, name } as const;
    const ciphertext = await sealSecret(rx.config.keys.secrets, place, value, rx.random(SECRET_IV_BYTES));
    await rx.audit(name);
    return unwrap(await schedulerOf(rx).secretPut(name, ciphertext, actorFor(rx.principal)));
  },

  async secretDelete(rx) {
    const name = nameOf(rx.params.name);
    await rx.audit(name);
    unwrap(await schedulerOf(rx).secretDelete(name, actorFor(rx.principal)));
  },
});

/** It becomes the name of a variable in a task's environment, and a key of objects on its way there. */
function nameOf(name: string): string {
  if (!SecretName.safeParse(name).success || name.length > MAX_NAME_CHARS || name === "__proto__")
    throw fail("env_name_invalid", `'${escapeUnsafe(name.slice(0, 64))}' is no environment name.`, {
      field: "name",
      hint: `Letters, digits and _, not beginning with a digit; ${MAX_NAME_CHARS} at most.`,
    });
  if (isDeniedEnv(name) || name.startsWith("MAESTRO_"))
    throw fail("env_denied", `The environment name ${name} is not forwarded.`, {
      field: "name",
      hint: "It would change what other programs do, or what Maestro itself tells an agent.",
    });
  return name;
}
