/** Tasks of a remote host: real runners below another home, over a line that breaks. The ssh part of it is tested with a real sshd. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import * as path from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { readStat } from "../holder/processes.ts";
import { openPolicy } from "../daemon/policy.ts";
import { AttemptStore } from "../tasks/attempt-store.ts";
import { imageOf, serving, somePng } from "../tasks/testing/images.ts";
import { Hand } from "./hand.ts";
import type { RemoteShell } from "./remote-shell.ts";
import { RemoteRig, undoAll } from "./testing/remote-rig.ts";

afterEach(undoAll);

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

describe.each([
  ["dash", ["/bin/dash"]],
  ["bash", ["/bin/bash"]],
  ["busybox", ["/bin/busybox", "sh"]],
] as const)("%s", (_name, shell) => {
  test("a task runs there, its log and its end come here, and nothing of it stays there", async () => {
    const rig = await RemoteRig.open({ shell });
    const task = rig.task(["sh", "-c", "echo hello; echo bad >&2; pwd; exit 3"]);
    expect(await task.offer()).toEqual({ answer: "accepted" });
    expect(await task.start()).toMatchObject({ state: "running" });
    const end = await task.ended();
    const log = rig.log(task.attempt);
    expect(log).toBe(`hello\nbad\n${rig.home}/.maestro-remote/workspaces/commands/${task.spec.task}\n`);
    expect(end).toMatchObject({ outcome: "failed", exitCode: 3, log: { bytes: log.length, sha256: sha256(log) } });
    await rig.until(() => readdirSync(`${rig.home}/.maestro-remote/attempts`).length === 0);
  });

  test("[TK4] a cancel ends every process of it, deaf ones too", async () => {
    const rig = await RemoteRig.open({ shell });
    const task = rig.task(["sh", "-c", "trap '' INT TERM; echo $$; sleep 1000 & while :; do sleep 1; done"]);
    await task.offer();
    await task.start();
    await rig.until(() => /^\d+\n/.test(rig.log(task.attempt)));
    const pid = Number(rig.log(task.attempt));
    expect(await task.cancel()).toMatchObject({ state: "cancelling" });
    expect(await task.ended()).toMatchObject({ outcome: "cancelled" });
    expect(existsSync(`/proc/${pid}`)).toBe(false);
  });

  test("a line that is cut changes nothing: the log is whole, and the exit its own", async () => {
    const rig = await RemoteRig.open({ shell });
    const gate = path.join(rig.home, "gate");
    const task = rig.task([
      "sh",
      "-c",
      `i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done; until [ -e '${gate}' ]; do sleep 0.05; done; echo end; exit 255`,
    ]);
    await task.offer();
    await task.start();
    await rig.until(() => rig.log(task.attempt).includes("line 10\n"));
    rig.line.cut();
    await rig.until(() => rig.line.channels === 0);
    writeFileSync(gate, "");
    rig.line.down = false;
    const end = await task.ended();
    const expected = `${Array.from({ length: 2000 }, (_, i) => `line ${i}\n`).join("")}end\n`;
    expect(rig.log(task.attempt)).toBe(expected);
    // 255 is the child's, as any other.
    expect(end).toMatchObject({ outcome: "failed", exitCode: 255, log: { bytes: expected.length, sha256: sha256(expected) } });
  });

  test("a start whose answer was lost runs once", async () => {
    const rig = await RemoteRig.open({ shell });
    const nonces = path.join(rig.home, "nonces");
    const task = rig.task(["sh", "-c", `echo ran >>'${nonces}'`]);
    await task.offer();
    rig.line.cutNext = true;
    await task.start();
    expect(await task.ended()).toMatchObject({ outcome: "completed" });
    expect(readFileSync(nonces, "utf8")).toBe("ran\n");
  });
});

// Busybox's own `env` cannot undo what its shell does to a background job: there it ends of the second signal.
describe.each([
  ["dash", ["/bin/dash"]],
  ["bash", ["/bin/bash"]],
] as const)("signals there, %s", (_name, shell) => {
  test("[TK4] who is no shell and catches nothing ends of the first signal", async () => {
    const rig = await RemoteRig.open({ shell });
    const task = rig.task(["sh", "-c", "echo on; exec sleep 1000"]);
    await task.offer();
    await task.start();
    await rig.until(() => rig.log(task.attempt) === "on\n");
    await task.cancel();
    expect(await task.ended()).toMatchObject({ outcome: "cancelled", exitCode: 130 });
  });
});

describe.each([
  ["dash", ["/bin/dash"]],
  ["busybox", ["/bin/busybox", "sh"]],
] as const)("[TK6] images there, %s", (_name, shell) => {
  const PNG = somePng(300_000);
  const LOOK = String.raw`for file in "$@"; do case $file in /*) stat -c %a "$file" "${"$"}{file%/*}"; cksum <"$file"; echo "$file";; esac; done; until [ -e "$GATE" ]; do sleep 0.05; done`;
  const looker = async (cut?: (rig: RemoteRig) => void) => {
    const rig: RemoteRig = await RemoteRig.open({ shell, deps: { images: serving(PNG) } });
    const gate = path.join(rig.home, "gate");
    const definition = { slug: "looker", argv: ["sh", "-c", LOOK, "looker", "{{prompt}}"], image_flag: "--image" };
    const agent = { id: "agt_1", name: "looker", type: "looker", definition, workspace: "~/w", args: [], env: {} };
    const task = rig.task(undefined, { agent, prompt: "look", images: [imageOf("1-a.png", PNG)], env: { GATE: gate } });
    await task.offer();
    cut?.(rig);
    await task.start();
    const there = path.join(rig.home, ".maestro-remote/attempts");
    await rig.until(() => rig.log(task.attempt).split("\n").length > 4);
    expect(rig.log(task.attempt)).toMatch(
      new RegExp(String.raw`^600\n700\n\d+ 300000\n${there}/${task.attempt}-\w{8}/images/\w{16}/1-a\.png\n$`),
    );
    // Once it is there, nothing of it is kept here.
    expect(existsSync(path.join(rig.attempts, task.attempt, "images"))).toBe(false);
    return { rig, task, gate, images: () => readdirSync(there).filter((name) => existsSync(path.join(there, name, "images"))) };
  };

  test("are private, whole, and gone with its end: at once, though its carrier is away", async () => {
    const { rig, task, gate, images } = await looker();
    expect(images()).toHaveLength(1);
    await rig.stop();
    writeFileSync(gate, "");
    await rig.until(() => images().length === 0);
    await rig.begin();
    rig.tasks.secrets({ t: "task.secrets", attempt: task.attempt, fence: 1 });
    expect(await task.ended()).toMatchObject({ outcome: "completed" });
  });

  test("[TK4] of a cancelled one, and of one whose answer was lost on the way, are gone too", async () => {
    const { rig, task, images } = await looker((line) => (line.line.cutNext = true));
    await task.cancel();
    expect(await task.ended()).toMatchObject({ outcome: "cancelled" });
    await rig.until(() => images().length === 0);
  });
});

test("[TK4] [TK6] a cancel while images go there does not wait for them: nothing begins, and nothing of it stays there", async () => {
  const images = [somePng(5_000), somePng(6_000)];
  const rig = await RemoteRig.open({ deps: { images: serving(...images) } });
  const began = path.join(rig.home, "began");
  const definition = { slug: "looker", argv: ["touch", began, "{{prompt}}"], image_flag: "--image" };
  const agent = { id: "agt_1", name: "looker", type: "looker", definition, workspace: "~/w", args: [], env: {} };
  const task = rig.task(undefined, { agent, prompt: "look", images: images.map((image, n) => imageOf(`${n}.png`, image)) });
  const there = path.join(rig.home, ".maestro-remote/attempts");
  const parts = () =>
    existsSync(there) && readdirSync(there, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".part")).length;
  rig.line.stuckAt = "put";
  await task.offer();
  const starting = task.start();
  await rig.until(() => parts() === 1);
  await task.cancel();
  expect(await task.ended()).toMatchObject({ outcome: "cancelled", reason: { detail: "Cancelled before it was started." } });
  await starting;
  await rig.until(() => readdirSync(there).length === 0);
  expect(existsSync(began)).toBe(false);
});

test("[TK4] a cancel between a start that did not arrive and the next one: nothing begins", async () => {
  const rig = await RemoteRig.open();
  const { line } = rig;
  const { run } = line;
  const began = path.join(rig.home, "began");
  const task = rig.task(["touch", began]);
  let starts = 0;
  line.run = async (script, args, options) => {
    if (args[0] !== "start") return run(script, args, options);
    line.down = ++starts === 1;
    const ran = await run(script, args, options);
    line.down = false;
    // Once whoever asked has heard that it did not arrive.
    if (starts === 1) setImmediate(() => void task.cancel());
    return ran;
  };
  await task.offer();
  await task.start();
  expect(await task.ended()).toMatchObject({ outcome: "cancelled", reason: { detail: "Cancelled before it was started." } });
  expect(starts).toBe(1);
  expect(existsSync(began)).toBe(false);
});

test("[TK4] a cancel that comes before its start is answered has its own grace", async () => {
  const rig = await RemoteRig.open();
  const { line } = rig;
  const { run } = line;
  const answered = Promise.withResolvers<void>();
  const graces: (string | undefined)[] = [];
  line.run = async (script, args, options) => {
    if (args[0] === "stop") graces.push(args[3]);
    const ran = await run(script, args, options);
    if (args[0] === "start") await answered.promise;
    return ran;
  };
  const began = path.join(rig.home, "began");
  const task = rig.task(["sh", "-c", `trap '' INT TERM; : >'${began}'; sleep 1000`]);
  await task.offer();
  const starting = task.start();
  await rig.until(() => existsSync(began));
  await task.cancel(0);
  answered.resolve();
  await starting;
  expect(await task.ended()).toMatchObject({ outcome: "cancelled", reason: { detail: "Cancelled while it ran." } });
  expect(new Set(graces)).toEqual(new Set(["0"]));
});

test.each([
  ["of which the end did not arrive", (bytes: Uint8Array) => bytes.subarray(0, 1_000)],
  ["that is another one there", (bytes: Uint8Array) => bytes.map((byte) => byte ^ 1)],
])("[TK6] an image %s is none: it is sent once more", async (_how, spoil) => {
  const rig = await RemoteRig.open();
  const spoiled: RemoteShell = {
    open: rig.line.open,
    run: (script, args, options) => rig.line.run(script, args, { ...options, stdin: spoil(options.stdin ?? new Uint8Array()) }),
  };
  const put = (shell: RemoteShell) => new Hand(shell, "").put("att_1", "images/0a/1-a.png", somePng(5_000), new AbortController().signal);
  const dir = path.join(rig.home, ".maestro-remote/attempts/att_1/images/0a");
  expect(await put(spoiled)).toMatchObject({ ok: false, error: { code: "ssh_lost" } });
  expect(readdirSync(dir)).toEqual([]);
  for (const _again of [1, 2]) expect(await put(rig.line)).toEqual({ ok: true, value: undefined });
  expect(readFileSync(path.join(dir, "1-a.png"))).toEqual(somePng(5_000));
});

test("a carrier that is gone meanwhile finds it again", async () => {
  const rig = await RemoteRig.open();
  const gate = path.join(rig.home, "gate");
  const task = rig.task(["sh", "-c", `echo one; until [ -e '${gate}' ]; do sleep 0.05; done; echo two`]);
  await task.offer();
  await task.start();
  await rig.until(() => rig.log(task.attempt) === "one\n");
  await rig.stop();
  writeFileSync(gate, "");
  await rig.begin();
  // Nobody knows of secrets that it had.
  rig.tasks.secrets({ t: "task.secrets", attempt: task.attempt, fence: 1 });
  expect(await task.ended()).toMatchObject({ outcome: "completed", exitCode: 0 });
  expect(rig.log(task.attempt)).toBe("one\ntwo\n");
});

test("[TK4] what was cancelled and has ended is told as cancelled, also by a carrier that was gone in between", async () => {
  const rig = await RemoteRig.open();
  const gate = path.join(rig.home, "gate");
  const task = rig.task(["sh", "-c", `until [ -e '${gate}' ]; do sleep 0.05; done`]);
  await task.offer();
  await task.start();
  await rig.until(() => task.status?.state === "running");
  await rig.stop();
  // It went between the end of the processes and the end of the attempt.
  const store = new AttemptStore(path.join(rig.home, "..", "attempts"), () => {});
  store.noteCancel(task.attempt, { why: "cancelled", atMs: Date.now(), graceMs: 1_000 });
  const exit = { status: 130, signal: 2, why: "exit", oom: 0, cpu: "0m0.0s 0m0.0s", peakMemoryBytes: 1, wallMs: 1 };
  writeFileSync(path.join(store.paths(task.attempt).dir, "exit.json"), `${JSON.stringify(exit)}\n`);
  writeFileSync(gate, "");
  await rig.begin();
  rig.tasks.secrets({ t: "task.secrets", attempt: task.attempt, fence: 1 });
  expect(await task.ended()).toMatchObject({ outcome: "cancelled" });
});

test("what a carrier that went was about to start is not started behind its back, and the next start runs it once", async () => {
  // The line is cut between the note and the order, each time.
  const cut = { now: () => {} };
  const rig = await RemoteRig.open({ deps: { passed: (step) => (step === "noted" ? cut.now() : undefined) } });
  const { line } = rig;
  cut.now = () => {
    line.down = true;
  };
  const nonces = path.join(rig.home, "nonces");
  const task = rig.task(["sh", "-c", `echo ran >>'${nonces}'`]);
  await task.offer();
  const starting = task.start();
  await rig.until(() => line.down);
  await rig.stop();
  await starting;
  line.down = false;
  await rig.begin();
  await rig.until(() => task.status?.state === "accepted");
  expect(existsSync(nonces)).toBe(false);
  const again = task.start();
  await rig.until(() => line.down);
  line.down = false;
  await again;
  expect(await task.ended()).toMatchObject({ outcome: "completed" });
  expect(readFileSync(nonces, "utf8")).toBe("ran\n");
});

test("a runner that is killed there is told as such, and leaves nothing running", async () => {
  const rig = await RemoteRig.open();
  const task = rig.task(["sh", "-c", "echo $$; exec sleep 1000"]);
  await task.offer();
  await task.start();
  await rig.until(() => /^\d+\n/.test(rig.log(task.attempt)));
  const child = Number(rig.log(task.attempt));
  const [dir = ""] = readdirSync(`${rig.home}/.maestro-remote/attempts`);
  const [runner = ""] = readFileSync(`${rig.home}/.maestro-remote/attempts/${dir}/started`, "utf8").split(" ");
  process.kill(Number(runner), "SIGKILL");
  expect(await task.ended()).toMatchObject({ outcome: "failed", reason: { code: "runner_died" } });
  // Whoever takes in orphans may take its time.
  expect([undefined, "Z"]).toContain(readStat(child)?.state);
});

test("[SSH19] a task's variable goes before the one that the host's record has", async () => {
  const rig = await RemoteRig.open();
  const task = rig.task(["sh", "-c", 'printf %s "$FROM_RECORD" | sha256sum'], { secretNames: ["FROM_RECORD"] });
  await task.offer();
  await task.start({ FROM_RECORD: "the task's own" });
  expect(await task.ended()).toMatchObject({ outcome: "completed" });
  expect(rig.log(task.attempt)).toContain(sha256("the task's own"));
});

test("[TK5] secrets reach the child and no file there; its log is blotted out here, and gone there", async () => {
  const rig = await RemoteRig.open();
  const gate = path.join(rig.home, "gate");
  const canary = "canary-5d41402abc4b2a76b9719d911017c592";
  const task = rig.task(
    ["sh", "-c", `until [ -e '${gate}' ]; do sleep 0.05; done; printf %s "$KEY" | sha256sum; echo "$KEY" "$FROM_RECORD"`],
    {
      secretNames: ["KEY"],
    },
  );
  await task.offer();
  await task.start({ KEY: canary });
  // `grep` ends with 1 when there is none.
  expect(() => execFileSync("grep", ["-r", canary, rig.home])).toThrow();
  expect(execFileSync("ps", ["-eo", "args"], { encoding: "utf8" })).not.toContain(canary);
  writeFileSync(gate, "");
  expect(await task.ended()).toMatchObject({ outcome: "completed" });
  const log = rig.log(task.attempt);
  expect(log).toContain(sha256(canary));
  expect(log).not.toContain(canary);
  expect(log).toContain("yes\n");
  await rig.until(() => readdirSync(`${rig.home}/.maestro-remote/attempts`).length === 0);
  expect(() => execFileSync("grep", ["-r", canary, rig.home])).toThrow();
});

test("a prompt of any size goes to the agent's standard input as it is", async () => {
  const prompt = Array.from({ length: 300_000 }, (_, i) =>
    String.fromCodePoint([0x20, 0x27, 0x22, 0x24, 0x5c, 0x0a, 0xe9, 0x1f600][i % 8] ?? 0x20),
  ).join("");
  const rig = await RemoteRig.open();
  const agent = { id: "agt_one", name: "one", type: "counter", workspace: "~/work", args: [], env: {} };
  const definition = { slug: "counter", adapter: "custom", argv: ["sh", "-c", "sha256sum; wc -c"], prompt: "stdin" };
  const task = rig.task(undefined, { prompt, agent: { ...agent, definition }, workspace: { mode: "path", path: "~/work" } });
  const answer = await task.offer();
  expect(answer).toEqual({ answer: "accepted" });
  await task.start();
  const end = await task.ended();
  expect(rig.log(task.attempt)).toContain(sha256(prompt));
  expect(end).toMatchObject({ outcome: "completed" });
  expect(existsSync(`${rig.home}/work`)).toBe(true);
});

test("a directory that cannot be made is told as such", async () => {
  const rig = await RemoteRig.open();
  writeFileSync(path.join(rig.home, "file"), "");
  const task = rig.task(["true"], { workspace: { mode: "path", path: "~/file/below" } });
  await task.offer();
  await task.start();
  expect(await task.ended()).toMatchObject({ outcome: "failed", reason: { code: "workspace_error" } });
});

test("what the policy of the carrier does not name is not started there either", async () => {
  const rig = await RemoteRig.open({ policy: { ...openPolicy, binaries: ["sh"] } });
  expect(await rig.task(["env"]).offer()).toMatchObject({
    answer: "refused",
    reason: { detail: expect.stringContaining("'env'") },
  });
  expect(await rig.task(["/tmp/evil/sh"]).offer()).toMatchObject({ answer: "refused" });
  expect(await rig.task(["sh", "-c", "true"]).offer()).toEqual({ answer: "accepted" });
});
