/** Times for people: how long ago, or the moment itself with --verbose. */

const STEPS: readonly [seconds: number, unit: string][] = [
  [86_400, "d"],
  [3600, "h"],
  [60, "m"],
  [1, "s"],
];

/** @param iso ISO-8601 time, or undefined for never. */
export function relativeTime(iso: string | undefined, nowMs: number): string {
  if (iso === undefined) return "never";
  const seconds = Math.round((nowMs - Date.parse(iso)) / 1000);
  if (Number.isNaN(seconds)) return "unknown";
  if (seconds > -1 && seconds < 1) return "now";
  const [size, unit] = STEPS.find(([step]) => Math.abs(seconds) >= step) ?? [1, "s"];
  const count = Math.floor(Math.abs(seconds) / size);
  return seconds < 0 ? `in ${count}${unit}` : `${count}${unit} ago`;
}

/** How long something took: `0.4s`, `42s`, `3m 12s`, `1h 02m`. */
export function duration(ms: number): string {
  if (ms > 0 && ms < 950) return `${Math.max(0.1, ms / 1000).toFixed(1)}s`;
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds}s`;
  const [minutes, hours] = [Math.floor(seconds / 60), Math.floor(seconds / 3600)];
  return hours === 0 ? `${minutes}m ${two(seconds % 60)}s` : `${hours}h ${two(minutes % 60)}m`;
}

const two = (n: number): string => String(n).padStart(2, "0");
