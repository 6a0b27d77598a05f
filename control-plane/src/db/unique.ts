/** Telling a taken name from a broken database. */

/** @param column as the index names it, e.g. `hosts.name`. */
export function isUniqueViolation(error: unknown, column: string): boolean {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if (at.message.includes("UNIQUE constraint failed") && at.message.includes(column)) return true;
  }
  return false;
}
