import { backendContract } from "./testing/backend-contract.ts";
import { terminalContract } from "./testing/terminal-contract.ts";

backendContract({ kind: "pty", bulkBytes: 20_000_000 });
terminalContract("pty");
