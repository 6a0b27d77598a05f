/** A body that is too large, in the words of the route: where one field makes it so, that one is named. */
import type { RouteName } from "@maestro/shared/contract/routes";
import type { TaskBody } from "@maestro/shared/contract/tasks";
import { maestroError, MaestroFailure, type MaestroError } from "@maestro/shared/errors";
import { MAX_BODY_BYTES, MAX_IMAGES_BYTES, MAX_TASK_BODY_BYTES } from "@maestro/shared/limits";
import { promptTooLarge } from "../domain/dispatch/check-task.ts";
import { utf8Bytes, valueTooLarge } from "../domain/state/entry.ts";
import { sizeText } from "./validate.ts";

/** Images come with a task: what else is in it is bounded as any other body is, once it is read. */
export const bodyLimitOf = (name: RouteName): number => (name === "taskCreate" ? MAX_TASK_BODY_BYTES : MAX_BODY_BYTES);

const LARGER = `larger than ${sizeText(MAX_BODY_BYTES)}.`;

/** @param rest of a task: what of it is no image. */
export function refuseLargeTask(rest: Omit<TaskBody, "images">): void {
  const text = JSON.stringify(rest);
  // In UTF-8 no character has more than three bytes.
  if (text.length * 3 > MAX_BODY_BYTES && utf8Bytes(text) > MAX_BODY_BYTES)
    throw new MaestroFailure(promptTooLarge(`Without its images the task is ${LARGER}`));
}

const FIELDS: Partial<Record<RouteName, () => MaestroError>> = {
  taskCreate: () =>
    maestroError("image_limit", `The task is larger than ${sizeText(MAX_TASK_BODY_BYTES)}.`, {
      field: "images",
      hint: `At most ${sizeText(MAX_IMAGES_BYTES)} of images, and ${sizeText(MAX_BODY_BYTES)} of all else.`,
    }),
  statePut: () => valueTooLarge(`The value is ${LARGER}`),
};

/** Rethrows what reading the body threw. */
export function inItsWords(name: RouteName): (error: unknown) => never {
  return (error) => {
    const words = error instanceof MaestroFailure && error.error.code === "body_too_large" ? FIELDS[name] : undefined;
    throw words === undefined ? error : new MaestroFailure(words());
  };
}
