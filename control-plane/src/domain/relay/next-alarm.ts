/** Many logical alarms on the one physical alarm an object has. */

/** undefined: that one is not set. */
export type Deadlines = Readonly<Record<string, number | undefined>>;

/**
 * When the physical alarm has to go off; undefined: leave it as it is. One that goes off too early is cheap and is
 * never moved back, since moving costs a row each time.
 *
 * @param current what is set now.
 */
export function nextAlarm(deadlines: Deadlines, current: number | undefined): number | undefined {
  const earliest = earliestOf(Object.values(deadlines));
  if (earliest === undefined) return undefined;
  return current === undefined || earliest < current ? earliest : undefined;
}

export function earliestOf(times: Iterable<number | undefined>): number | undefined {
  let earliest: number | undefined;
  for (const at of times) if (at !== undefined && (earliest === undefined || at < earliest)) earliest = at;
  return earliest;
}
