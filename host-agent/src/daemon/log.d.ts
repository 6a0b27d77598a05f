import { type LogLevel } from "../config/env.ts";
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
export declare function createLog(level: LogLevel, sink: LogSink, now: () => Date): Log;
export declare const silentLog: Log;
export declare function formatLine(time: Date, level: LogLevel, message: string, fields: LogFields): string;
