import { backendContract } from "./testing/backend-contract.ts";

backendContract({ kind: "tmux", bulkBytes: 6_000_000 });
