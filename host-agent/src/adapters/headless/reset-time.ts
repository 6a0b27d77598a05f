/** When a quota is said to come back, in the words of several vendors. Pure. */

/** Later than this is not a quota that somebody waits for, or a misread number. */
const LATEST_MS = 60 * 24 * 3_600_000;

export function retryAt(text: string, nowMs: number): string | undefined {
  const atMs = epoch(text) ?? iso(text) ?? span(text, nowMs) ?? clockTime(text, nowMs);
  return atMs === undefined || atMs <= nowMs || atMs > nowMs + LATEST_MS ? undefined : new Date(atMs).toISOString();
}

/** `limit reached|1764345600`, `"resets_at": 1764345600`, `resetsAt: 1764345600000`. */
function epoch(text: string): number | undefined {
  const [, digits] = /(?:reached\||resets?_?(?:at|time)?\W{1,4})(\d{10}(?:\d{3})?)\b/i.exec(text) ?? [];
  return digits === undefined ? undefined : Number(digits) * (digits.length === 10 ? 1000 : 1);
}

function iso(text: string): number | undefined {
  const [, found] =
    /(?:reset|retry|again|until|available)[^\n]{0,40}?(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d))/i.exec(text) ??
    [];
  const atMs = found === undefined ? Number.NaN : Date.parse(found);
  return Number.isNaN(atMs) ? undefined : atMs;
}

const UNIT_MS: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 };
const UNITS = "(milliseconds?|ms|days?|d|hours?|hrs?|h|minutes?|mins?|min|m|seconds?|secs?|s)";

/** `try again in 2 days 3 hours 5 minutes`, `retry after 20s`, `retry-after: 120`. */
function span(text: string, nowMs: number): number | undefined {
  const [, bare] = /retry[-_ ]after(?:["':=\s]|seconds?|\(s\))*(\d+(?:\.\d+)?)(?![\d.]*\s*(?:ms|m|h|d))/i.exec(text) ?? [];
  if (bare !== undefined) return nowMs + Number(bare) * 1000;
  const [, list] =
    new RegExp(String.raw`(?:again|resets?|retry|available|wait)[^\n\d]{0,24}((?:\d+(?:\.\d+)?\s*${UNITS}(?![a-z])[\s,and]*)+)`, "i").exec(
      text,
    ) ?? [];
  if (list === undefined) return undefined;
  let ms = 0;
  for (const [, amount, unit] of list.matchAll(new RegExp(String.raw`(\d+(?:\.\d+)?)\s*${UNITS}(?![a-z])`, "gi"))) {
    const word = (unit ?? "").toLowerCase();
    ms += Number(amount) * (UNIT_MS[/^(?:ms|millis)/.test(word) ? "ms" : word.slice(0, 1)] ?? 0);
  }
  return ms === 0 ? undefined : nowMs + ms;
}

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/** `resets 3pm (America/New_York)`, `try again at 5:53 PM`, `Nov 30th, 2026 5:53 PM`, `resets Nov 30, 9am (UTC)`; a time without a zone is this machine's. */
function clockTime(text: string, nowMs: number): number | undefined {
  const found =
    /(?:resets?|again|until)(?:\s+(?:at|on))?\s+(?:([A-Z][a-z]{2})[a-z]*\s+(\d{1,2})(?:st|nd|rd|th)?(?:,\s*\d{4})?(?:,|\s+at)?\s+)?(\d{1,2})(?::(\d\d))?\s*([ap]m)?(?:\s*\(([A-Za-z_]+(?:\/[A-Za-z_+-]+)*)\))?/i.exec(
      text,
    );
  if (found === null) return undefined;
  const [, monthName, dayText, hourText, minuteText = "0", half, zone] = found;
  if (half === undefined && found[4] === undefined) return undefined;
  const hour = (Number(hourText) % (half === undefined ? 24 : 12)) + (half?.toLowerCase() === "pm" ? 12 : 0);
  const offsetMs = zoneOffsetMs(zone, nowMs);
  if (offsetMs === undefined) return undefined;
  const local = new Date(nowMs + offsetMs);
  const month = monthName === undefined ? -1 : MONTHS.indexOf(monthName.toLowerCase());
  if (month >= 0) {
    const year = local.getUTCFullYear() + (month < local.getUTCMonth() ? 1 : 0);
    return Date.UTC(year, month, Number(dayText), hour, Number(minuteText)) - offsetMs;
  }
  const today = Date.UTC(local.getUTCFullYear(), local.getUTCMonth(), local.getUTCDate(), hour, Number(minuteText)) - offsetMs;
  return today > nowMs ? today : today + 86_400_000;
}

/** Undefined for a zone that this machine does not know. */
function zoneOffsetMs(zone: string | undefined, nowMs: number): number | undefined {
  if (zone === undefined) return -new Date(nowMs).getTimezoneOffset() * 60_000;
  try {
    const parts = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
    }).formatToParts(nowMs);
    const part = (type: string): number => Number(parts.find((other) => other.type === type)?.value ?? 0);
    const local = Date.UTC(part("year"), part("month") - 1, part("day"), part("hour"), part("minute"));
    return local - (nowMs - (nowMs % 60_000));
  } catch {
    return undefined;
  }
}
