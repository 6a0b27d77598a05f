/** What is written in one turn leaves a socket in one piece. */
import type { Socket } from "node:net";

type Written = (error?: Error | null) => void;

/** ssh2 writes a packet in up to four parts: each would be a segment of its own, and wake the server for nothing. */
export function sendTogether(socket: Socket): void {
  const write = socket.write.bind(socket);
  let gathering = false;
  // On this one socket: `connect` takes away the method of a subclass.
  socket.write = (chunk: Uint8Array | string, encoding?: BufferEncoding | Written, written?: Written): boolean => {
    if (!gathering) {
      gathering = true;
      socket.cork();
      process.nextTick(() => {
        gathering = false;
        socket.uncork();
      });
    }
    return typeof encoding === "function" ? write(chunk, undefined, encoding) : write(chunk, encoding, written);
  };
}
