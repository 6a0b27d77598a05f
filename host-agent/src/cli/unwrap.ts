/** Commands cannot return a refusal up to `main`, so they throw it. */
import { MaestroFailure } from "@maestro/shared/errors";
import type { Result } from "@maestro/shared/result";

export function unwrap<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  throw new MaestroFailure(result.error);
}
