/** Tasks as a program that ends at a named step [F2]. */
import { createInterface } from "node:readline";
import type { FrameOf } from "../../link/dispatch.ts";
import { standaloneTasks } from "./standalone.ts";

type Asked =
  | { ask: "offer"; frame: FrameOf<"task.offer"> }
  | { ask: "start"; frame: FrameOf<"task.start"> }
  | { ask: "cancel"; frame: FrameOf<"task.cancel"> }
  | { ask: "ack"; frame: FrameOf<"task.ack"> }
  | { ask: "secrets"; frame: FrameOf<"task.secrets"> };

/** `tasks-entry.ts <directory> <step to die at>`: questions as lines of JSON, and answers and frames likewise. */
async function main(dir: string, dieAt: string): Promise<void> {
  const say = (line: unknown) => process.stdout.write(`${JSON.stringify(line)}\n`);
  const { tasks } = standaloneTasks(dir, {
    send: (frame) => say({ frame }),
    passed: (step) => {
      if (step === dieAt) process.kill(process.pid, "SIGKILL");
    },
  });
  for (const frame of tasks.reports()) say({ frame });
  // A link that takes no logs.
  tasks.linkUp({ control: () => {}, data: () => {}, whenQuiet: () => {} });
  for await (const line of createInterface({ input: process.stdin })) {
    const asked: Asked = JSON.parse(line);
    switch (asked.ask) {
      case "offer":
        say({ answer: await tasks.offer(asked.frame, undefined) });
        break;
      case "start":
        say({ answer: await tasks.start(asked.frame) });
        break;
      case "cancel":
        say({ answer: await tasks.cancel(asked.frame) });
        break;
      case "ack":
        tasks.ack(asked.frame);
        break;
      case "secrets":
        tasks.secrets(asked.frame);
    }
  }
}

const [, , dir, dieAt] = process.argv;
if (dir !== undefined) await main(dir, dieAt ?? "");
