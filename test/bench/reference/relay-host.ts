/**
 * The minimal host side: PTYs on one socket, one frame per read, nothing else. A process of its own, as the product's is.
 * argv: the relay's port. IPC in: `{open: channel, argv}` / `{close: channel}`; out: `{ready}` / `{opened}` / `{exited}`.
 */
import { ptySpawn, type Pty } from "./pty.ts";
import { WebSocket } from "ws";
import * as z from "zod";

const Command = z.union([z.object({ open: z.int(), argv: z.array(z.string()), cols: z.int(), rows: z.int() }), z.object({ close: z.int() })]);

const socket = new WebSocket(`ws://127.0.0.1:${process.argv[2]}/`, { perMessageDeflate: false });
const terminals = new Map<number, Pty>();

socket.on("open", () => process.send?.({ ready: true }));
socket.on("message", (data: Buffer) => terminals.get(data.readUInt32BE(0))?.write(data.subarray(4)));
socket.on("close", () => process.exit(0));

process.on("message", (message) => {
  const command = Command.parse(message);
  if ("close" in command) {
    terminals.get(command.close)?.kill();
    terminals.delete(command.close);
    return;
  }
  const { open: channel, argv, cols, rows } = command;
  const terminal = ptySpawn(argv, { cols, rows });
  const header = Buffer.alloc(4);
  header.writeUInt32BE(channel);
  terminal.onData((data) => socket.send(Buffer.concat([header, data])));
  terminal.onExit(() => process.send?.({ exited: channel }));
  terminals.set(channel, terminal);
  process.send?.({ opened: channel });
});
process.on("disconnect", () => {
  for (const terminal of terminals.values()) terminal.kill();
  process.exit(0);
});
