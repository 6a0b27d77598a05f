import { type Result } from "@maestro/shared/result";
/** @param allowHttp networks (CIDR) that already encrypt or are trusted. */
export declare function checkServerUrl(text: string, allowHttp: readonly string[]): Result<URL>;
export declare function isLoopback(hostname: string): boolean;
