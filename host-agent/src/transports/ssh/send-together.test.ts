import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { sendTogether } from "./send-together.ts";

const open: { destroy(): void }[] = [];
afterEach(() => open.splice(0).forEach((socket) => socket.destroy()));

async function pair(): Promise<{ near: Socket; far: Socket }> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const near = connect({ port: (server.address() as AddressInfo).port, host: "127.0.0.1", noDelay: true });
  const [far] = (await once(server, "connection")) as [Socket];
  server.close();
  open.push(near, far);
  return { near, far };
}

test("the parts of a packet come in one piece, those of the next turn in another", async () => {
  const { near, far } = await pair();
  sendTogether(near);
  const pieces: string[] = [];
  const parts = ["len ", "body ", "tag"];
  for (const packet of ["1:", "2:"]) {
    for (const part of parts) near.write(packet + part);
    const [piece] = (await once(far, "data")) as [Buffer];
    pieces.push(piece.toString());
  }
  expect(pieces).toEqual(["1:len 1:body 1:tag", "2:len 2:body 2:tag"]);
});

test("who asks is told when it is written, and an end loses nothing", async () => {
  const { near, far } = await pair();
  sendTogether(near);
  await new Promise<void>((resolve) => near.write("a", () => resolve()));
  await new Promise<void>((resolve) => near.write("62", "hex", () => resolve()));
  near.write("c");
  near.end("d");
  let said = "";
  far.on("data", (chunk: Buffer) => (said += chunk.toString()));
  await once(far, "end");
  expect(said).toBe("abcd");
});
