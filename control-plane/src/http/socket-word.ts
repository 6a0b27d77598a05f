/** Waiting for the one thing an object has to say on a socket. */

/** `said`: it spoke. `cut`: it closed without a word. `late`: time was up. The socket is closed in any case. */
export function firstWord(socket: WebSocket, timeoutMs: number): Promise<"said" | "cut" | "late"> {
  return new Promise((resolve) => {
    const done = (how: "said" | "cut" | "late"): void => {
      clearTimeout(patience);
      socket.close(1000, "done");
      resolve(how);
    };
    const patience = setTimeout(() => done("late"), Math.max(0, timeoutMs));
    socket.addEventListener("message", () => done("said"));
    socket.addEventListener("close", () => done("cut"));
    socket.addEventListener("error", () => done("cut"));
    socket.accept();
  });
}
