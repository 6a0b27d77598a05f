/** [TK5] Twenty canaries on each way to work elsewhere: over ssh, and from there into a container. The child has each; nothing else holds one. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CanaryScanner, CanaryWatch, makeCanary, receiptOf, type Hit } from "../support/canary.ts";
import { DockerEngine } from "../support/docker-engine.ts";
import { Product } from "../support/maestro.ts";
import type { ProcessInfo } from "../support/processes.ts";
import { RemoteMachine } from "../support/remote-machine.ts";
import { lacking } from "../support/system.ts";
import { dispatchTask, taskEnds, wholeLog } from "../support/tasks.ts";
import { poll } from "../support/wait.ts";

const missing = lacking("sshd", "docker");
const MARK = "remote-canary-receiver";
const CANARIES = new Map(Array.from({ length: 20 }, (_, i) => [`CANARY_${i}`, makeCanary(`canary ${i}`)]));

// Builtins only where a value is touched: `printf` leaves no argv.
const RECEIVE = `go=$1; shift
for name in "$@"; do eval "value=\\$$name"; printf 'receipt %s ' "$name"; printf %s "$value" | sha256sum; done
echo held
while [ ! -e "$go" ]; do sleep 0.1; done; rm "$go"`;

describe.skipIf(missing !== undefined)(`twenty canaries elsewhere${missing === undefined ? "" : ` (skipped: ${missing})`}`, () => {
  const scanner = new CanaryScanner([...CANARIES.values()]);
  let engine: DockerEngine;
  let product: Product;
  let machine: RemoteMachine;

  beforeAll(async () => {
    engine = await DockerEngine.start();
    engine.container("dev");
    product = await Product.up({ timeScale: 0.2 });
    machine = await RemoteMachine.start({}, { env: engine.env });
    await machine.join(product, "box");
    for (const [name, { value }] of CANARIES) await product.api.call(z.unknown(), "PUT", `/api/v1/secrets/${name}`, { value });
  });
  afterAll(async () => {
    await machine?.[Symbol.asyncDispose]();
    await product?.[Symbol.asyncDispose]();
    await engine?.[Symbol.asyncDispose]();
  });

  const isRelated = (process: ProcessInfo, ancestors: readonly ProcessInfo[]): boolean =>
    [process, ...ancestors].some(({ argv }) => argv.includes(MARK));
  /** What is there, and what was kept here of it; of the container also what its engine tells and stores. */
  function everywhere(): Hit[] {
    return [
      ...scanner.argv(),
      ...scanner.files(machine.home),
      ...scanner.files(product.home.path),
      ...scanner.files(engine.directory),
      ...scanner.text("docker inspect", engine.docker("inspect", "dev")),
      ...scanner.text("docker top", engine.docker("top", "dev", "-eo", "pid,args")),
      ...scanner.text("docker logs", engine.docker("logs", "dev")),
    ];
  }

  test.each([
    { way: "over ssh", container: undefined },
    { way: "in a container there", container: "dev" },
  ])("[TK5] $way: the child has all, and nothing else anywhere holds one", { timeout: 120_000 }, async ({ container }) => {
    using watch = new CanaryWatch(scanner);
    const go = container === undefined ? join(machine.home, "go") : "/tmp/go";
    const names = [...CANARIES.keys()];
    const { id } = await dispatchTask(product.api, {
      command: ["/bin/sh", "-c", RECEIVE, MARK, go, ...names],
      on: { host: "box" },
      secrets: names,
      ...(container === undefined ? {} : { container }),
    });
    let seen = "";
    const held = async (): Promise<true | undefined> => {
      const [task, log] = await Promise.all(["", "/log"].map((what) => product.api.request("GET", `/api/v1/tasks/${id}${what}`)));
      seen = `${task?.text}\n${log?.text}`;
      return log?.text.includes("held") === true ? true : undefined;
    };
    await poll("it holds them all", held, { timeoutMs: 30_000, detail: () => seen });
    expect([...everywhere(), ...scanner.environments(isRelated)]).toEqual([]);
    if (container === undefined) writeFileSync(go, "");
    else engine.docker("exec", container, "touch", go);
    expect(await taskEnds(product.api, id)).toMatchObject({ status: "completed" });
    const { text } = await wholeLog(product.api, id);
    const received = [...text.matchAll(/^receipt (\w+) ([0-9a-f]{64})/gm)].map(([, name = "", digest = ""]) => [name, digest]);
    expect(received).toEqual([...CANARIES].map(([name, canary]) => [name, receiptOf(canary)]));
    expect([...everywhere(), ...scanner.text("the task", (await product.api.request("GET", `/api/v1/tasks/${id}`)).text)]).toEqual([]);
    expect(watch.looks).toBeGreaterThan(0);
    expect(watch.hits).toEqual([]);
  });

  test("one that lies there is found, wherever it was put", () => {
    const [canary] = [...CANARIES.values()];
    if (canary === undefined) throw new Error("no canary");
    writeFileSync(join(machine.home, "planted"), canary.value);
    engine.docker("exec", "dev", "sh", "-c", `printf %s ${Buffer.from(canary.value).toString("base64")} >/tmp/planted`);
    const places = everywhere().map(({ place }) => place);
    expect(places).toContain(join(machine.home, "planted"));
    expect(places.filter((place) => place.startsWith(engine.directory) && place.endsWith("/tmp/planted"))).toHaveLength(1);
  });
});
