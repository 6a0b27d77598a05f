/** A body that is too large, in the words of the route: where one field makes it so, that one is named. */
import type { RouteName } from "@maestro/shared/contract/routes";
import { MaestroFailure, type MaestroError } from "@maestro/shared/errors";
import { MAX_BODY_BYTES } from "@maestro/shared/limits";
import { promptTooLarge } from "../domain/dispatch/check-task.ts";
import { valueTooLarge } from "../domain/state/entry.ts";

const LARGER = `larger than ${MAX_BODY_BYTES} bytes (1 MiB).`;

const FIELDS: Partial<Record<RouteName, () => MaestroError>> = {
  taskCreate: () => promptTooLarge(`The task is ${LARGER}`),
  statePut: () => valueTooLarge(`The value is ${LARGER}`),
};

/** Rethrows what reading the body threw. */
export function inItsWords(name: RouteName): (error: unknown) => never {
  return (error) => {
    const words = error instanceof MaestroFailure && error.error.code === "body_too_large" ? FIELDS[name] : undefined;
    throw words === undefined ? error : new MaestroFailure(words());
  };
}
