import { backendContract } from "./testing/backend-contract.ts";

backendContract({ kind: "pty", bulkBytes: 20_000_000 });
