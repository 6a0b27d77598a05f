/** What cannot be recorded does not happen. */
import { maestroError, type MaestroError } from "@maestro/shared/errors";

export const unrecorded = (): MaestroError =>
  maestroError("audit_unavailable", "The audit log cannot be written, so nothing was done.", {
    hint: "Try again; if it stays so, look at the server's log.",
  });
