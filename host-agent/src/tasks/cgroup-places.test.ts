import { expect, test } from "vitest";
import { chooseCgroupPlaces, leftCgroups, makeCgroups } from "./cgroup-places.ts";
import { removeCgroups } from "./members.ts";

const OLD = ["memory", "pids", "cpu,cpuacct", "freezer"]
  .map((name) => `cgroup /sys/fs/cgroup/${name} cgroup rw,relatime,${name} 0 0\n`)
  .join("");
const UNIFIED = "cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0\n";
const own = "5:memory:/a:b/c\n4:cpu,cpuacct:/\n3:pids:/p\n0::/u\n";

test("below where we are in each hierarchy that can limit, that of the processor where it is limited", () => {
  const memory = { mount: "/sys/fs/cgroup/memory", own: "/a:b/c" };
  const pids = { mount: "/sys/fs/cgroup/pids", own: "/p" };
  expect(chooseCgroupPlaces({ own, mounts: `proc /proc proc rw 0 0\n${OLD}${UNIFIED}` }, false)).toEqual([memory, pids]);
  expect(chooseCgroupPlaces({ own, mounts: OLD }, true)).toEqual([memory, pids, { mount: "/sys/fs/cgroup/cpu,cpuacct", own: "/" }]);
});

test("one hierarchy of two controllers is one place", () => {
  const mounts = "cgroup /cg cgroup rw,memory,pids 0 0\n";
  expect(chooseCgroupPlaces({ own: "1:memory,pids:/x\n", mounts }, false)).toEqual([{ mount: "/cg", own: "/x" }]);
});

test.each([
  ["the unified hierarchy alone", UNIFIED, own],
  ["names that are escaped", OLD.replace("/sys", "/sy\\040s"), own],
  ["none at all", "", own],
  ["none that we are in", OLD, ""],
])("left to the runner: %s", (_, mounts, where) => {
  expect(chooseCgroupPlaces({ own: where, mounts }, true)).toBeUndefined();
});

const probed = makeCgroups("att_probe", { cpus: 1 });
removeCgroups(probed);

test.skipIf(probed.length === 0)("what was made is found again, that of the processor too", () => {
  const made = makeCgroups("att_found", { cpus: 1 });
  expect(made.length).toBeGreaterThanOrEqual(makeCgroups("att_found", {}).length);
  expect(leftCgroups("att_found")).toEqual(made);
  removeCgroups(made);
  expect(leftCgroups("att_found")).toEqual([]);
});
