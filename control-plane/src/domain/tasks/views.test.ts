import { expect, test } from "vitest";
import { BoardRig, TIMES } from "./testing/board-rig.ts";
import { taskView } from "./views.ts";

test("a task shows where it works: the container and the repository with its branch, without a secret of its address", () => {
  const rig = new BoardRig();
  const core = rig.task("t1");
  const shown = (body: object) =>
    taskView(
      { core, spec: { body, agents: [null], sealedNames: [] }, prompt: null, results: new Map() },
      { hosts: rig.board.hosts, lineup: rig.board.lineup, nowMs: rig.nowMs, leaseMs: TIMES.leaseMs, lostMs: TIMES.lostMs },
      () => undefined,
    );
  const repository = { url: "ssh://git:secret@host/app.git", branch: "fix" };
  expect(shown({ repository, container: "box" })).toMatchObject({
    repository: { url: "ssh://git:***@host/app.git", branch: "fix" },
    container: "box",
  });
  const plain = shown({});
  expect(plain).not.toHaveProperty("repository");
  expect(plain).not.toHaveProperty("container");
});
