/** Sessions of a remote host in containers that are made for their workspace there, by a real engine behind a real sshd. */
import { randomBytes } from "node:crypto";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import * as path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeId, type SessionId } from "@maestro/shared/ids";
import { maestroError } from "@maestro/shared/errors";
import { DockerEngine, IMAGE } from "../../../test/support/docker-engine.ts";
import { sshdPath } from "../transports/ssh/testing/sshd.ts";
import { containerName } from "./isolated-type.ts";
import { HOST, RigSession, TerminalRig } from "./testing/terminal-rig.ts";

const missing = sshdPath() === undefined || spawnSync("dockerd", ["--version"]).status !== 0;
const WITH_TMUX = "maestro-test:tmux";

describe.skipIf(missing)("a session there of a type that asks for a container", { timeout: 60_000 }, () => {
  let engine: DockerEngine;
  beforeAll(async () => {
    engine = await DockerEngine.start();
    const tmux = execFileSync("/bin/sh", ["-c", "command -v tmux"], { encoding: "utf8" }).trim();
    const libraries = execFileSync("/bin/sh", ["-c", `ldd "$0"`, tmux], { encoding: "utf8" }).match(/\/\S+(?= \()/g) ?? [];
    // It wants a locale and a terminal that it knows.
    const data = ["/usr/lib/locale/C.utf8", "/lib/terminfo/x/xterm-256color", "/usr/share/terminfo/x/xterm-256color"].filter((at) =>
      existsSync(at),
    );
    engine.docker("create", "--name", "seed", IMAGE, "sh");
    const files = [tmux, ...libraries, ...data].map((file) => file.slice(1));
    execFileSync("/bin/sh", ["-c", 'tar -C / -chf - "$@" | docker cp - seed:/', "sh", ...files], {
      env: { ...process.env, ...engine.env },
    });
    engine.docker("commit", "seed", WITH_TMUX);
    engine.docker("rm", "seed");
  }, 90_000);
  afterAll(() => engine[Symbol.asyncDispose]());

  const open = async (image: string, env: Readonly<Record<string, string>> = engine.env) => {
    const rig = await TerminalRig.open({ env });
    const actions = await rig.actions();
    const workspace = path.join(rig.home, "work");
    const container = containerName(HOST, workspace);
    const begin = (script: string, more: object = {}) => {
      const session: SessionId = makeId("session", Date.now(), randomBytes(10));
      const definition = { slug: "boxed", adapter: "custom", argv: ["sh", "-c", "{{prompt}}"], isolate_with: "docker", image };
      const agent = {
        id: "agt_one",
        name: "boxed",
        type: "boxed",
        workspace: "~/work",
        args: [script],
        env: { A: "b" },
        definition,
        ...more,
      };
      return actions.startAgent({ t: "agent.start", id: 2, session, size: { cols: 80, rows: 24 }, backend: "auto", agent });
    };
    const start = async (script: string) => {
      const made = await begin(script);
      if (!made.ok) throw new Error(`${made.error.code}: ${made.error.detail}`);
      return new RigSession(rig, made.value.session);
    };
    const kill = (session: RigSession) => actions.killSession({ t: "session.kill", id: 5, session: session.info.id });
    return Object.assign(rig, { workspace, container, begin, start, killThere: kill });
  };

  test("runs in that, with what its agent was given; a kill ends all of it, and nothing of it stays", async () => {
    await using rig = await open(IMAGE);
    const session = await rig.start(
      `trap '' HUP TERM; setsid sleep 4321 & echo "$MAESTRO_AGENT $A $FROM_RECORD on $(hostname)"; echo "$PWD"; touch made; while :; do sleep 1; done`,
    );
    const text = await session.shows("/work");
    expect(text).toContain(`boxed b yes on ${rig.container}`);
    expect(session.info).toMatchObject({ cwd: rig.workspace, agent: "agt_one" });
    await expect.poll(() => existsSync(path.join(rig.workspace, "made"))).toBe(true);
    expect(engine.docker("top", rig.container)).toContain("sleep 4321");
    expect(await rig.killThere(session)).toMatchObject({ ok: true, value: { killed: true } });
    expect(engine.docker("top", rig.container)).not.toContain("sleep 4321");
    expect(rig.files.sessions()).toEqual([]);
    expect(engine.docker("exec", rig.container, "ls", "/maestro/home/.maestro-remote/terminals")).toBe("");
  });

  test("with tmux in its image it outlives the line; its container stops, and that is said", async () => {
    await using rig = await open(WITH_TMUX);
    mkdirSync(rig.workspace);
    const session = await rig.start("echo before; until [ -e gate ]; do sleep 0.1; done; echo after; exec sleep 1000");
    await session.shows("before");
    await rig.cut(true);
    await session.shows("is lost");
    writeFileSync(path.join(rig.workspace, "gate"), "");
    await rig.mend();
    await session.shows("after");
    engine.docker("kill", rig.container);
    expect(await session.ended()).toMatchObject({ reason: "exited", code: 255 });
    const text = await session.shows(/The container 'maestro-[0-9a-f]+' is stopped or gone/);
    expect(text).not.toContain("started anew");
    await rig.terminals.sweep();
    expect(rig.files.sessions()).toEqual([]);
    const left = path.join(rig.home, ".maestro-remote/isolated", rig.container, "home/.maestro-remote/terminals", session.info.id);
    expect(existsSync(left)).toBe(false);
  });

  test("an engine that is away for a moment is no end of it", async () => {
    const way = path.join(engine.directory, "way");
    symlinkSync(path.join(engine.directory, "sock"), way);
    await using rig = await open(WITH_TMUX, { DOCKER_HOST: `unix://${way}` });
    const session = await rig.start("echo before; read -r line; echo got $line; exit 3");
    await session.shows("before");
    unlinkSync(way);
    await rig.cut(false);
    await session.shows(/runs\s+cannot\s+be\s+told/);
    symlinkSync(path.join(engine.directory, "sock"), way);
    await session.shows(/before\s*$/);
    session.type("this\r");
    expect(await session.ended()).toMatchObject({ reason: "exited", code: 3 });
    await session.shows("got this");
  });

  test("where there are no terminals no container is made", async () => {
    await using rig = await open(IMAGE);
    rig.refusal = maestroError("backend_unavailable", "There are none.");
    expect(await rig.begin("true")).toMatchObject({ ok: false, error: { code: "backend_unavailable" } });
    expect(engine.docker("ps", "-a", "--format", "{{.Names}}")).not.toContain(rig.container);
    expect(existsSync(rig.workspace)).toBe(false);
  });
});
