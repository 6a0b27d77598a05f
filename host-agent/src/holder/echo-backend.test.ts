import { terminalContract } from "./testing/terminal-contract.ts";

terminalContract("echo");
