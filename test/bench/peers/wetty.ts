/** WeTTY as it comes from npm, with node-pty from the distribution that needs no compiler. */
import { createRequire } from "node:module";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { Child } from "../../support/child.ts";
import { TestHome } from "../../support/home.ts";
import { freePort } from "../../support/maestro.ts";
import { npmCached } from "../../support/npm-cache.ts";
import { poll, within } from "../../support/wait.ts";
import type { EchoTerminal } from "../echo.ts";

export interface Peer extends AsyncDisposable {
  terminal: EchoTerminal;
}

/** What is used of socket.io's client; it comes with WeTTY and has no types here. */
const Socket = z.custom<{
  on(event: string, listener: (data: unknown) => void): void;
  emit(event: string, data: unknown): void;
  disconnect(): void;
}>((value) => typeof value === "object" && value !== null);
const Client = z.custom<(url: string, options: object) => unknown>((value) => typeof value === "function");

/** Throws with the reason where it cannot run. */
export async function startWetty(): Promise<Peer> {
  if (process.getuid?.() !== 0) throw new Error("WeTTY gives a local command to root only");
  const installed = await npmCached({
    name: "bench-wetty",
    npm: "wetty",
    version: "3.2.0",
    overrides: { "node-pty": "npm:@lydell/node-pty@1.1.0" },
  });
  const home = new TestHome("mbw");
  try {
    // Its command is one program without arguments.
    const command = join(home.directory("b"), "raw-cat");
    writeFileSync(command, "#!/bin/sh\nstty raw -echo\nexec cat\n");
    chmodSync(command, 0o755);
    const port = await freePort();
    const main = join(installed, "node_modules", "wetty", "build", "main.js");
    const server = new Child(
      [process.execPath, main, "--host", "127.0.0.1", "--port", String(port), "--command", command, "--ssh-host", "127.0.0.1"],
      { env: home.env(), cwd: home.directory("b") },
    );
    await poll("WeTTY listening", async () => ((await fetch(`http://127.0.0.1:${port}/`)).ok ? true : undefined), {
      timeoutMs: 20_000,
      detail: () => server.log(),
    });
    const connect = Client.parse(createRequire(join(installed, "node_modules", "wetty", "package.json"))("socket.io-client"));
    const socket = Socket.parse(connect(`http://127.0.0.1:${port}`, { path: "/socket.io", transports: ["websocket"] }));
    const listeners = new Set<(payload: Uint8Array) => void>();
    socket.on("data", (data) => {
      const payload = Buffer.from(String(data));
      // Its flow control: without commits it stops after a while.
      socket.emit("commit", payload.byteLength);
      for (const listener of listeners) listener(payload);
    });
    await within(10_000, "WeTTY's session", new Promise<void>((resolve) => socket.on("login", () => resolve())), () => server.log());
    return {
      terminal: {
        type: (key) => socket.emit("input", Buffer.from(key).toString("latin1")),
        onOutput: (listener) => {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
      },
      [Symbol.asyncDispose]: async () => {
        socket.disconnect();
        server.signal("SIGKILL");
        await server.exited;
        await home[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await home[Symbol.asyncDispose]();
    throw error;
  }
}
