import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const HEAP = fileURLToPath(new URL("./heap.ts", import.meta.url));

/** In a process of its own: a flag is set for good. How much rarer collections become is for a benchmark to say. */
function run(program: string): { status: number | null; stdout: string; stderr: string } {
  const text = `import { countBuffersAsHeap } from ${JSON.stringify(HEAP)};\n${program}`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", text], { encoding: "utf8" });
  return { status, stdout, stderr };
}

test("this Node knows the flag: one that V8 does not know would be told on stderr", () => {
  expect(run("countBuffersAsHeap(); console.log(1)")).toEqual({ status: 0, stdout: "1\n", stderr: "" });
  expect(run('import { setFlagsFromString } from "node:v8"; setFlagsFromString("--no-such-flag-of-v8")').stderr).toContain("no-such-flag");
});

test("the flag is set where V8 knows it, and nothing is where it does not", () => {
  const set = (...versions: string[]): string =>
    run(`
      import v8 from "node:v8";
      import { syncBuiltinESMExports } from "node:module";
      v8.setFlagsFromString = (flag) => console.log(flag);
      syncBuiltinESMExports();
      for (const version of ${JSON.stringify(versions)}) countBuffersAsHeap(version);
    `).stdout;
  expect(set("20.19.0", "22.11.0", "23.9.0")).toBe("");
  expect(set("24.0.0", "25.1.0")).toBe("--external-memory-accounted-in-global-limit\n".repeat(2));
});
