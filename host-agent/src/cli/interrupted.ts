/** Ctrl-C that is told in words: at a prompt without echo, or where what was waited for goes on. */
import { EXIT } from "@maestro/shared/errors";
import type { ServerProblem } from "./render/failure.ts";

export class Interrupted extends Error {
  override readonly name = "Interrupted";
  readonly exit = EXIT.interrupted;

  readonly #hint: string | undefined;

  constructor(place: string, hint?: string) {
    super(`Interrupted${place.startsWith(";") ? "" : " "}${place}.`);
    this.#hint = hint;
  }

  get problem(): ServerProblem {
    return {
      type: "/problems/interrupted",
      title: "Interrupted",
      status: 400,
      code: "interrupted",
      detail: this.message,
      ...(this.#hint === undefined ? {} : { hint: this.#hint }),
    };
  }
}
