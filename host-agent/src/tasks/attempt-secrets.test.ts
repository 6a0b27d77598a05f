import { expect, test } from "vitest";
import type { HostFrame } from "@maestro/shared/protocol/link";
import { silentLog } from "../daemon/log.ts";
import { VirtualClock } from "../daemon/testing/virtual-clock.ts";
import { AttemptSecrets } from "./attempt-secrets.ts";
import { recall } from "./forwarding.ts";
import type { Known } from "./log-file.ts";
import { specOf } from "./testing/task-host.ts";

const spec = specOf(["true"], { attempt: "att_1", fence: 3, secretNames: ["KEY"] });

function setUp() {
  const clock = new VirtualClock();
  const sent: HostFrame[] = [];
  const revealed: Known[] = [];
  const secrets = new AttemptSecrets({
    clock,
    timeScale: 1,
    log: silentLog,
    logs: { isOpen: () => false, open: () => {}, reveal: (_, known) => revealed.push(known) },
    recall: (of) => recall(of, "", {}),
    unseal: (sealed) => ({ ok: true, value: { KEY: sealed } }),
    send: (frame) => sent.push(frame),
  });
  secrets.open(spec, spec.fence, "/log", undefined);
  const pass = (seconds: number) => {
    for (let second = 0; second < seconds; second += 1) {
      clock.advance(1_000);
      secrets.look();
    }
  };
  return { secrets, sent, revealed, pass };
}

test("[VR2] [LG4] of a control plane that does not know the question no answer is waited for beyond some minutes", () => {
  const { secrets, sent, revealed, pass } = setUp();
  secrets.linkUp();
  pass(100);
  expect(revealed).toEqual([]);
  expect(sent.length).toBeGreaterThan(3);
  expect(sent[0]).toEqual({ t: "task.secrets", attempt: "att_1", fence: 3 });
  pass(60);
  expect(revealed).toEqual([{ values: [], unknown: ["MAESTRO_TOKEN", "KEY"], sure: true }]);
  const asked = sent.length;
  pass(600);
  secrets.answer({ attempt: "att_1", fence: 3, sealed: "late" });
  expect(sent.length).toBe(asked);
  expect(revealed.length).toBe(1);
});

test("[LG4] time without a link is not waiting for an answer", () => {
  const { secrets, sent, revealed, pass } = setUp();
  pass(3_600);
  secrets.linkUp();
  pass(60);
  secrets.linkDown();
  const asked = sent.length;
  pass(3_600);
  expect(sent.length).toBe(asked);
  expect(revealed).toEqual([]);
  secrets.linkUp();
  secrets.answer({ attempt: "att_1", fence: 3, sealed: "value" });
  expect(revealed).toEqual([{ values: ["value"], unknown: [], sure: true }]);
});

test("[VR2] [LG4] a link that comes and goes does not begin the wait anew", () => {
  const { secrets, revealed, pass } = setUp();
  for (let link = 0; link < 60 && revealed.length === 0; link += 1) {
    secrets.linkUp();
    pass(6);
    secrets.linkDown();
  }
  expect(revealed.length).toBe(1);
});
