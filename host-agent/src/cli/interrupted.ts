/** Ctrl-C where the terminal does not turn it into a signal: a prompt without echo reads it as a character. */
import { EXIT } from "@maestro/shared/errors";
import type { ServerProblem } from "./render/failure.ts";

export class Interrupted extends Error {
  override readonly name = "Interrupted";
  readonly exit = EXIT.interrupted;

  constructor(place: string) {
    super(`Interrupted ${place}.`);
  }

  get problem(): ServerProblem {
    return { type: "/problems/interrupted", title: "Interrupted", status: 400, code: "interrupted", detail: this.message };
  }
}
