/** Names of variables that may reach tasks beside the usual keys of providers; the Worker's variable of this name says the same there. */
import { EnvName } from "@maestro/shared/contract/agent-types";
import { isDeniedEnv } from "@maestro/shared/contract/check-agent-type";
import { maestroError, MaestroFailure } from "@maestro/shared/errors";
import { err, ok, type Result } from "@maestro/shared/result";

const FORWARD_ENV = "FORWARD_ENV";

/** What is not understood is not guessed at. */
export function readForwardEnv(env: Readonly<Record<string, string | undefined>>): string[] {
  const names = parseForwardEnv(env[FORWARD_ENV]);
  if (!names.ok) throw new MaestroFailure(names.error);
  return names.value;
}

/** @param text names, comma separated. */
export function parseForwardEnv(text: string | undefined): Result<string[]> {
  const names = (text ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  const wrong = names.find((name) => !EnvName.safeParse(name).success || isDeniedEnv(name));
  if (wrong === undefined) return ok([...new Set(names)]);
  return err(
    maestroError("field_invalid", `${FORWARD_ENV}: '${wrong.slice(0, 64)}' is no variable that may be given to tasks.`, {
      field: FORWARD_ENV,
      hint: `Names, comma separated: ${FORWARD_ENV}=NPM_TOKEN,DEPLOY_KEY`,
    }),
  );
}
