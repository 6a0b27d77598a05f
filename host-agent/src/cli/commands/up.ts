/** `maestro up`, `maestro down`. */
import { EXIT, fail } from "@maestro/shared/errors";
import { planListen } from "../../up/listen-plan.ts";
import { pathLine } from "../../up/launcher.ts";
import { goneWithin, isAlive } from "../../up/process-identity.ts";
import { readRun, upPaths } from "../../up/state.ts";
import { flag } from "../args/spec.ts";
import { defineCommand } from "../command.ts";
import { DEFAULT_PORT } from "../config/target.ts";
import { unwrap } from "../unwrap.ts";
import { openBrowser } from "./browser.ts";
import { noticeRedis } from "./redis-notice.ts";

export const up = defineCommand({
  group: "run",
  name: "up",
  summary: "Run a control plane and this machine's host-agent, here, in the foreground",
  flags: {
    port: flag.integer(`default ${DEFAULT_PORT}; 0 for any free one`, { min: 0, max: 65_535, example: DEFAULT_PORT }),
    bind: flag.text("address to listen on; default 127.0.0.1", "address"),
    tls: flag.text("'auto' makes a certificate that join lines pin; or your own files", "auto|cert,key"),
    "allow-http": flag.list("a network that encrypts by itself or is trusted: plain http is allowed from it", "cidr"),
    "no-open": flag.toggle("do not open a browser"),
  },
  params: {},
  conflicts: [["tls", "allow-http"]],
  examples: ["maestro up", "maestro up --bind 0.0.0.0 --tls auto"],
  async run(context, { flags }) {
    const { io, out, paths } = context;
    noticeRedis(context);
    const plan = unwrap(planListen({ bind: flags.bind, port: flags.port ?? DEFAULT_PORT, tls: flags.tls, allowHttp: flags["allow-http"] }));
    const { runUp } = await import("../../up/up.ts");
    const stop = new AbortController();
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stop.abort());
    const options = { paths, plan, timeScale: context.settings().timeScale, note: (line: string) => out.note(line), client: context.apiTo };
    let started = false;
    await runUp(
      options,
      async ({ console, login, pin, host }) => {
        started = true;
        const line = pathLine(paths, io.env["PATH"]);
        out.one(
          {
            console,
            login,
            ...(pin === undefined ? {} : { pin }),
            ...(host === undefined ? {} : { host }),
            pid: process.pid,
            home: paths.home,
          },
          () => [`Console ${console}`, `Login ${login}`],
          console,
        );
        if (line !== undefined) out.note(`The CLI is ${paths.cliFile}; to have it on your PATH: ${line}`);
        out.note("Ctrl-C stops the control plane and the host-agent, never your sessions.");
        if (!flags["no-open"] && out.mode === "table" && io.stdout.isTTY) await openBrowser(login, io.env);
      },
      stop.signal,
    );
    return started ? EXIT.ok : EXIT.interrupted;
  },
});

/** Both children get their grace, one after the other, and a little more. */
const DOWN_WITHIN_MS = 25_000;

export const down = defineCommand({
  group: "run",
  name: "down",
  summary: "Stop the control plane and host-agent that `maestro up` runs",
  flags: {},
  params: {},
  examples: ["maestro down", "maestro down --json"],
  async run({ out, paths }) {
    const record = readRun(upPaths(paths));
    if (record === undefined || !isAlive(record.supervisor)) {
      throw fail("not_running", "maestro up does not run here.", { hint: `It would under MAESTRO_HOME=${paths.home}.` });
    }
    process.kill(record.supervisor.pid, "SIGTERM");
    if (!(await goneWithin(record.supervisor, DOWN_WITHIN_MS))) {
      throw fail("timeout", `maestro up (pid ${record.supervisor.pid}) did not stop within ${DOWN_WITHIN_MS / 1000} s.`, {
        hint: `End it: kill -9 ${record.supervisor.pid}`,
      });
    }
    out.one({ stopped: true, pid: record.supervisor.pid }, () => "Stopped. Sessions and agents go on; the next `maestro up` finds them.");
    return EXIT.ok;
  },
});
