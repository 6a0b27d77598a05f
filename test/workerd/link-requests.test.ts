/** [VR5] What is asked of a host on its link: one answer, whatever happens. */
import { describe, expect, test } from "vitest";
import { HOST_CHECK_TIMEOUT_MS, MAX_CONTROL_BYTES } from "@maestro/shared/limits";
import { FLAG } from "@maestro/shared/protocol/frame";
import { decodeInput, MAX_INPUT_BYTES } from "../../control-plane/src/domain/fleet/input.ts";
import type { FakeHost } from "./support/fake-host.ts";
import { sessionInfo } from "./support/host-words.ts";
import { relayFixture, type RelayFixture } from "./support/relay-fixture.ts";
import { later } from "./support/relay-talk.ts";

describe("[VR5] requests", () => {
  const detect = { t: "detect" } as const;

  async function answering(): Promise<{ relay: RelayFixture; host: FakeHost }> {
    const relay = relayFixture();
    return { relay, host: await relay.host_([]) };
  }

  test("[VR5] a request gets its one answer; a refusal passes through", async () => {
    const { relay, host } = await answering();
    const asked = relay.stub.request(detect);
    const { id } = await host.next("detect");
    host.say({ t: "reply", id, value: { types: 4 } });
    expect(await asked).toEqual({ ok: true, json: '{"types":4}' });
    const refused = relay.stub.request({ t: "workspace.ensure", path: "/etc" });
    const second = await host.next("workspace.ensure");
    host.say({
      t: "reply-error",
      id: second["id"],
      error: { code: "path_outside_roots", detail: "'/etc' is outside.", field: "path", hint: "Use /tmp." },
    });
    expect(await refused).toEqual({
      ok: false,
      error: { code: "path_outside_roots", detail: "'/etc' is outside.", field: "path", hint: "Use /tmp." },
    });
  });

  test("[VR5] one that outlives its deadline is answered timeout", async () => {
    const { relay, host } = await answering();
    const asked = relay.stub.request(detect);
    await host.next("detect");
    await later(relay, 16_000);
    expect(await asked).toMatchObject({ ok: false, error: { code: "timeout" } });
  });

  test("[VR5] a check of a remote host may take a minute, and what took longer is answered timeout", async () => {
    const { relay, host } = await answering();
    const record = { transport: "ssh", address: "h", sshConfig: false, options: {}, env: {}, container: "none" } as const;
    const [early, late] = [0, 1].map(() => relay.stub.request({ t: "host.check", record }));
    const { id } = await host.next("host.check");
    await host.next("host.check", (frame) => frame["id"] !== id);
    await later(relay, HOST_CHECK_TIMEOUT_MS - 1_000);
    host.say({ t: "reply", id, value: { ok: true, steps: [], agents: [] } });
    expect(await early).toMatchObject({ ok: true });
    await later(relay, 2_000);
    expect(await late).toMatchObject({ ok: false, error: { code: "timeout" } });
  });

  test("[VR5] with the host away it is refused at once, saying since when", async () => {
    const { relay, host } = await answering();
    const asked = relay.stub.request(detect);
    await host.next("detect");
    host.socket.close(4000, "cut");
    const cut = await asked;
    expect(cut).toMatchObject({ ok: false, error: { code: "host_unreachable" } });
    expect(cut).not.toHaveProperty("neverSent");
    const refused = await relay.stub.request(detect);
    expect(refused).toMatchObject({ ok: false, error: { code: "host_unreachable" }, neverSent: true });
    expect(JSON.stringify(refused)).toMatch(/Last seen \d{4}-/);
  });

  test("[VR3] one that is too large for a frame, in bytes of UTF-8, is refused and not sent; the link stays", async () => {
    const { relay, host } = await answering();
    const path = `/${"é".repeat(MAX_CONTROL_BYTES / 2)}`;
    expect(await relay.stub.request({ t: "workspace.ensure", path })).toMatchObject({
      ok: false,
      error: { code: "body_too_large", hint: "Send less at once." },
    });
    await host.pingPong();
    expect(host.texts.filter(({ t }) => t === "workspace.ensure")).toEqual([]);
    // Nothing of it is left to be answered, or to time out.
    const asked = relay.stub.request(detect);
    const { id } = await host.next("detect");
    host.say({ t: "reply", id, value: { types: 4 } });
    expect(await asked).toMatchObject({ ok: true });
  });

  test("[VR3] the largest input that is taken fits a frame", async () => {
    const { relay, host } = await answering();
    const input = decodeInput({ text: "a".repeat(MAX_INPUT_BYTES) });
    if (!input.ok) throw new Error(input.error.detail);
    const asked = relay.stub.request({ t: "session.input", session: sessionInfo().id, base64: input.value });
    const { id } = await host.next("session.input");
    host.say({ t: "reply", id, value: { accepted: MAX_INPUT_BYTES } });
    expect(await asked).toMatchObject({ ok: true });
  });

  test("[VR3] a screen comes as blob frames and is handed on whole", async () => {
    const { relay, host } = await answering();
    const asked = relay.stub.screen("ses_x", "text");
    const { id, blob } = await host.next("session.screen");
    const text = new TextEncoder().encode("hello world");
    host.data("blob", text.subarray(0, 6), { channel: Number(blob), offset: 0 });
    host.data("blob", text.subarray(6), { channel: Number(blob), offset: 6, flags: FLAG.last });
    host.say({ t: "reply", id, value: { bytes: text.byteLength, epoch: 1, offset: 5, cols: 80, rows: 24 } });
    const screen = await asked;
    expect(screen.ok && new TextDecoder().decode(screen.bytes)).toBe("hello world");
  });
});
