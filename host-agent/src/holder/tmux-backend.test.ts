import { backendContract } from "./testing/backend-contract.ts";
import { terminalContract } from "./testing/terminal-contract.ts";

backendContract({ kind: "tmux", bulkBytes: 6_000_000 });
terminalContract("tmux");
