import { afterEach, expect, test } from "vitest";
import { AMPLE, Ear, HolderFixture, spec, value } from "./testing/fixture.ts";
const f = new HolderFixture();
afterEach(() => f.dispose());
test("smoke", async () => {
  await f.start();
  const ear = new Ear();
  const c = await f.connect(ear);
  console.log(c.facts);
  for (const backend of ["echo", "pty", "tmux"] as const) {
    const s = spec({ backend, argv: backend === "echo" ? ["/bin/true"] : ["/bin/sh", "-c", "echo hello; stty size; tty; ls -l /proc/self/fd; read x; echo got $x; exit 3"] });
    const info = value(await c.create(s));
    value(await c.subscribe(s.id, { credit: AMPLE, from: { epoch: 1, offset: 0 } }));
    if (backend !== "echo") await ear.until(() => ear.text(s.id).includes("total"));
    c.input(s.id, Buffer.from("abc\r"));
    await ear.until(() => ear.text(s.id).includes("abc"));
    if (backend === "echo") c.input(s.id, Buffer.from("\x04"));
    await ear.ended(s.id);
    console.log(ear.text(s.id), JSON.stringify(info));
    console.log(Buffer.from(value(await c.screen(s.id, "text")).bytes).toString());
    value(await c.snapshot(s.id, { lines: 0 }));
    console.log(ear.snapshots.at(-1), JSON.stringify((await c.list())));
  }
}, 20000);
