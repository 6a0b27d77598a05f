import type { HostFrame } from "@maestro/shared/protocol/link";
export declare const hostText: (frame: HostFrame) => string;
