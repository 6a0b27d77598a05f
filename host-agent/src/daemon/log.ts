/** The daemon's log: one human line per event on one stream, with a level, without secrets or control characters. */
import { escapeUnsafe } from "@maestro/shared/sanitize";
import { LOG_LEVELS, type LogLevel } from "../config/env.ts";

export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

export interface LogSink {
  write(line: string): void;
}

export function createLog(level: LogLevel, sink: LogSink, now: () => Date): Log {
  const least = LOG_LEVELS.indexOf(level);
  const at =
    (own: LogLevel) =>
    (message: string, fields: LogFields = {}) => {
      if (LOG_LEVELS.indexOf(own) < least) return;
      try {
        sink.write(formatLine(now(), own, message, fields));
      } catch {
        // A full disk or a closed terminal must not stop the daemon it is telling about.
      }
    };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };

export function formatLine(time: Date, level: LogLevel, message: string, fields: LogFields): string {
  const tail = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}=${quote(String(value))}`)
    .join("");
  return `${time.toISOString()} ${level.padEnd(5)} ${redact(escapeUnsafe(message))}${redact(escapeUnsafe(tail))}\n`;
}

/** Longest field value in the log; terminal content never gets here, but a path or a message may be long. */
const MAX_VALUE_CHARS = 1024;
const quote = (value: string): string => {
  const cut = value.length > MAX_VALUE_CHARS ? `${value.slice(0, MAX_VALUE_CHARS)}…` : value;
  return /^[\w./:@+-]+$/.test(cut) ? cut : JSON.stringify(cut);
};

/** Whatever looks like one of our tokens keeps its public part only. */
const redact = (text: string): string => text.replace(/mst_(pat|join|login|boot|att)_([0-9a-z]{12})_[0-9A-Za-z_]+/g, "mst_$1_$2_…");
