import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { processesOf, readStat, terminateAll } from "./processes.ts";

/** A shell that goes on to the next command when one dies. */
const GOES_ON = 'sleep 1000; trap "" HUP TERM; echo next; sleep 1001; exec sleep 1002';

async function started(script: string): Promise<number> {
  const leader = spawn("/bin/sh", ["-c", `echo up; ${script}`], { detached: true, stdio: ["ignore", "pipe", "ignore"] });
  await once(leader.stdout, "data");
  return leader.pid ?? 0;
}

const inSession = async (leader: number): Promise<number[]> =>
  (await processesOf(leader)).filter((pid) => (readStat(pid)?.state ?? "Z") !== "Z");

test.each([false, true])("a shell whose command dies gets to none of the next ones; force: %s", async (force) => {
  for (let time = 0; time < 5; time++) {
    const leader = await started(GOES_ON);
    expect(await terminateAll(leader, { force })).toBe(true);
    expect(await inSession(leader)).toEqual([]);
  }
});
