/** [TK5] [LG4] Twenty canary secrets on every way to a task: the child proves that it has each, and nothing else anywhere holds one. */
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Secret } from "@maestro/shared/contract/state";
import { CanaryScanner, CanaryWatch, makeCanary, receiptOf, type Canary, type Hit } from "../support/canary.ts";
import { TestHome } from "../support/home.ts";
import { Product, type SecondHost } from "../support/maestro.ts";
import type { ProcessInfo } from "../support/processes.ts";
import { attemptsDirectory } from "../support/task-world.ts";
import { dispatchTask, logOf, taskEnds, taskShows, wholeLog } from "../support/tasks.ts";
import { poll } from "../support/wait.ts";

const MARK = "canary-receiver";
/** By the names that a caller's, or a host's, environment may be forwarded under. */
const BY_API = ["GH_TOKEN", "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "OPENROUTER_API_KEY", "GEMINI_API_KEY"];
const BY_CLI = ["GITHUB_TOKEN", "GOOGLE_API_KEY", "GH_TOKEN", "OPENAI_API_KEY"];
const BY_HOST = ["GH_TOKEN", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GITHUB_TOKEN"];
const PUT_BY_API = ["DEPLOY_KEY", "DB_PASSWORD", "NPM_AUTH"];
const PUT_BY_CLI = ["SIGNING_KEY", "WEBHOOK_SECRET", "SMTP_PASSWORD", "REGISTRY_AUTH"];

const canaries = (way: string, names: readonly string[]) => new Map(names.map((name) => [name, makeCanary(`${way} ${name}`)]));
const ways = {
  api: canaries("api", BY_API),
  cli: canaries("cli", BY_CLI),
  host: canaries("host", BY_HOST),
  putApi: canaries("secret by api", PUT_BY_API),
  putCli: canaries("secret by cli", PUT_BY_CLI),
};
const valuesOf = (way: ReadonlyMap<string, Canary>): Record<string, string> =>
  Object.fromEntries([...way].map(([name, { value }]) => [name, value]));
const all = Object.values(ways).flatMap((way) => [...way.values()]);

let product: Product;
/** The one machine whose daemon has secrets in its own environment. */
let second: SecondHost;
/** Where the child leaves its own token, for the test to look for. */
let drop: string;
const tasks: string[] = [];

// Builtins only where a value is touched: `printf` leaves no argv.
const RECEIVE = `drop=$1; go=$2; shift 2
for name in "$@"; do
  eval "value=\\$$name"
  printf 'receipt %s ' "$name"; printf %s "$value" | sha256sum
  printf 'aloud %s, and %s\\n' "$value" "$(printf %s "$value" | base64 -w0)"
done
printf %s "$MAESTRO_TOKEN" >"$drop"
printf 'token aloud %s\\n' "$MAESTRO_TOKEN"
while [ ! -e "$go" ]; do sleep 0.1; done`;
const receive = (task: string, names: readonly string[]): string[] => [
  "/bin/sh",
  "-c",
  RECEIVE,
  MARK,
  join(drop, `${task}.token`),
  join(drop, `${task}.go`),
  ...names,
];

beforeAll(async () => {
  const home = new TestHome();
  product = await Product.up({ home, env: { TMPDIR: home.directory("tmp"), MAESTRO_WORKSPACE_ROOT: home.directory("w") } });
  const other = new TestHome();
  const env = { TMPDIR: other.directory("tmp"), MAESTRO_WORKSPACE_ROOT: other.directory("w"), ...valuesOf(ways.host) };
  second = await product.joinHost("second", { home: other, env });
  drop = home.directory("drop");
  // There is a tmux server to look into, and the holder has started programs of its own.
  for (const host of [product.api.defaultHost ?? "", "second"])
    await product.api.createSession({ host, argv: ["/bin/cat"], backend: "tmux" });
});
afterAll(async () => product[Symbol.asyncDispose]());

/** Every task runs to the point where it holds its secrets; answers its log once `go` let it end. */
async function held(task: string): Promise<void> {
  tasks.push(task);
  await poll(`${task} has its secrets`, () => (existsSync(join(drop, `${task}.token`)) ? true : undefined), { timeoutMs: 60_000 });
}
async function receipts(task: string): Promise<Map<string, string>> {
  writeFileSync(join(drop, `${task}.go`), "");
  expect(await taskEnds(product.api, task)).toMatchObject({ status: "completed" });
  const { text } = await wholeLog(product.api, task);
  return new Map([...text.matchAll(/^receipt (\w+) ([0-9a-f]{64})/gm)].map(([, name = "", digest = ""]) => [name, digest]));
}
const expectedOf = (way: ReadonlyMap<string, Canary>): [string, string][] => [...way].map(([name, canary]) => [name, receiptOf(canary)]);

/** The child itself and what it started; and whoever was given a value by its user. */
const isChild = (process: ProcessInfo): boolean => process.argv.includes(MARK);
const isRelated = (process: ProcessInfo, ancestors: readonly ProcessInfo[]): boolean => [process, ...ancestors].some(isChild);

const roots = (): string[] => [product.home, second.home].map(({ path }) => dirname(path));
const inFiles = (scanner: CanaryScanner): Hit[] => roots().flatMap((root) => scanner.files(root, [drop]));

async function everywhere(scanner: CanaryScanner): Promise<Hit[]> {
  const hits: Hit[] = [...scanner.argv(), ...inFiles(scanner)];
  for (const root of roots()) hits.push(...scanner.tmux(root).hits);
  for (const path of [
    "/api/v1/tasks",
    "/api/v1/queue",
    "/api/v1/secrets",
    "/api/v1/state",
    "/api/v1/hosts",
    "/api/v1/agents",
    "/api/v1/audit",
  ]) {
    hits.push(...scanner.text(path, (await product.api.request("GET", `${path}?limit=200`)).text));
  }
  for (const id of tasks) {
    hits.push(...scanner.text(`task ${id}`, (await product.api.request("GET", `/api/v1/tasks/${id}`)).text));
    hits.push(...scanner.text(`log of ${id}`, await logOf(product.api, id)));
  }
  for (const command of [["events"], ["audit"], ["task", "list"], ["queue", "status"], ["secret", "list"]]) {
    const { stdout, stderr } = await product.cli([...command, "--json"]);
    hits.push(...scanner.text(`maestro ${command.join(" ")}`, stdout + stderr));
  }
  return hits;
}

describe("twenty canaries", () => {
  test(
    "[TK5] [LG4] each reaches its child, and none is in argv, other environments, files, tmux, logs, databases, events or audit",
    { timeout: 300_000 },
    async () => {
      const scanner = new CanaryScanner(all);
      using watch = new CanaryWatch(scanner);
      for (const [name, { value }] of ways.putApi) await product.api.call(Secret, "PUT", `/api/v1/secrets/${name}`, { value });
      for (const [name, { value }] of ways.putCli) {
        const set = await product.cli(["secret", "set", name], { stdin: `${value}\n` });
        expect({ code: set.code, stderr: set.stderr }).toMatchObject({ code: 0 });
      }
      const local = product.api.defaultHost ?? "";
      await dispatchTask(product.api, {
        id: "by-api",
        command: receive("by-api", BY_API),
        on: { host: local },
        credentials: valuesOf(ways.api),
      });
      const names = [...PUT_BY_API, ...PUT_BY_CLI];
      await dispatchTask(product.api, { id: "by-fleet", command: receive("by-fleet", names), on: { host: local }, secrets: names });
      await dispatchTask(product.api, { id: "by-host", command: receive("by-host", BY_HOST), on: { host: "second" }, hostEnv: BY_HOST });
      const flags = BY_CLI.flatMap((name) => ["--env", name]);
      const cli = await product.cli(
        ["task", "dispatch", "--id", "by-cli", "--host", local, ...flags, "--exec", "--", ...receive("by-cli", BY_CLI)],
        {
          env: valuesOf(ways.cli),
        },
      );
      expect({ code: cli.code, stderr: cli.stderr }).toMatchObject({ code: 0 });
      for (const task of ["by-api", "by-fleet", "by-host", "by-cli"]) await held(task);
      // The host's own are its user's doing: the daemon and the holder were started with them. Nobody else was.
      const withoutHost = new CanaryScanner(all.filter((canary) => ![...ways.host.values()].includes(canary)));
      const tokens = tasks.map((task): Canary => ({ name: `token of ${task}`, value: readFileSync(join(drop, `${task}.token`), "utf8") }));
      for (const { value } of tokens) expect(value).toMatch(/^mst_att_/);
      const tokenScanner = new CanaryScanner(tokens);
      expect(withoutHost.environments(isRelated)).toEqual([]);
      expect(tokenScanner.environments(isRelated)).toEqual([]);
      const given = [await second.running("host-agent"), await second.running("holder")];
      const hostOnly = new CanaryScanner([...ways.host.values()]);
      const startedWithThem = (process: ProcessInfo, ancestors: readonly ProcessInfo[]) =>
        isRelated(process, ancestors) || given.includes(process.pid) || isSession(process);
      expect(hostOnly.environments(startedWithThem)).toEqual([]);

      // What a child writes is blotted out in its own file a moment later, and is nowhere else at any time (decision 14).
      const elsewhere = (await everywhere(scanner)).filter(({ place }) => basename(place) !== "agent.log");
      expect(elsewhere).toEqual([]);
      await poll("blotted out on the hosts", () => (inFiles(scanner).length === 0 ? true : undefined), {
        timeoutMs: 60_000,
        everyMs: 500,
      });
      const proven = new Map<string, Map<string, string>>();
      for (const task of tasks) proven.set(task, await receipts(task));
      expect([...(proven.get("by-api") ?? [])]).toEqual(expectedOf(ways.api));
      expect([...(proven.get("by-cli") ?? [])]).toEqual(expectedOf(ways.cli));
      expect([...(proven.get("by-host") ?? [])]).toEqual(expectedOf(ways.host));
      expect(new Map([...(proven.get("by-fleet") ?? [])])).toEqual(new Map([...expectedOf(ways.putApi), ...expectedOf(ways.putCli)]));
      expect(all.length).toBe(20);

      // Everything has been written that will be: the same again, with the tokens, and after the control plane was stopped as well.
      const both = new CanaryScanner([...all, ...tokens]);
      expect(await everywhere(both)).toEqual([]);
      await product.down();
      expect(inFiles(both)).toEqual([]);
      await product.upAgain();
      expect(watch.looks).toBeGreaterThan(100);
      expect(watch.hits).toEqual([]);
    },
  );
});

describe("a child that speaks while its host-agent is down", () => {
  test("[TK5] [LG4] its secrets are asked for again, and blotted out before anything is sent", { timeout: 180_000 }, async () => {
    const canary = makeCanary("unseen");
    const go = join(drop, "unseen.go");
    const script = `while [ ! -e "$1" ]; do sleep 0.1; done; printf 'aloud %s\\n' "$GH_TOKEN"; printf 'token %s\\n' "$MAESTRO_TOKEN"`;
    const command = ["/bin/sh", "-c", script, MARK, go];
    await dispatchTask(product.api, { id: "unseen", command, on: { host: "second" }, credentials: { GH_TOKEN: canary.value } });
    tasks.push("unseen");
    const { attempts } = await taskShows(product.api, "unseen", "runs", ({ status }) => status === "running");
    const directory = join(attemptsDirectory(second.home), attempts.at(-1)?.id ?? "");
    await second.stop("SIGKILL");
    writeFileSync(go, "");
    await poll("the child has ended", () => (existsSync(join(directory, "exit.json")) ? true : undefined), { timeoutMs: 30_000 });
    expect(readFileSync(join(directory, "agent.log"), "utf8")).toContain(canary.value);
    second.run();
    expect(await taskEnds(product.api, "unseen")).toMatchObject({ status: "completed", exitCode: 0 });
    const { text, task } = await wholeLog(product.api, "unseen");
    expect(text).toMatch(/^aloud \*+\ntoken \*+\n$/);
    expect(task.attempts.at(-1)?.log?.unredacted).toBeUndefined();
    expect(await everywhere(new CanaryScanner([canary]))).toEqual([]);
  });
});

/** The holder's tmux server and what runs in it have the environment of the user who started the holder. */
const isSession = ({ argv: [program = ""] }: ProcessInfo): boolean => program === "/bin/cat" || basename(program).startsWith("tmux");

describe("the scanner finds what is planted", () => {
  const planted = makeCanary("planted");
  const scanner = new CanaryScanner([planted]);
  const places = (hits: readonly Hit[]): string => hits.map(({ place }) => place).join("\n");
  const children: ChildProcess[] = [];
  afterAll(() => void children.map((child) => child.kill("SIGKILL")));

  test("in an argv, while somebody watches", async () => {
    using watch = new CanaryWatch(scanner);
    children.push(spawn("/bin/sh", ["-c", "sleep 60", planted.value], { stdio: "ignore" }));
    await poll("seen", () => (watch.hits.length > 0 ? true : undefined));
    children.pop()?.kill("SIGKILL");
  });

  test("in an environment, and not in the child's", async () => {
    const child = spawn("/bin/sleep", ["60"], { stdio: "ignore", env: { WHO: planted.value } });
    children.push(child);
    await poll("seen", () => (scanner.environments(isRelated).length > 0 ? true : undefined));
    expect(scanner.environments(({ pid }) => pid === child.pid)).toEqual([]);
    child.kill("SIGKILL");
  });

  test.each([
    ["as it is", planted.value],
    ["by half", planted.value.slice(planted.value.length >> 1)],
    ["in hexadecimal", Buffer.from(planted.value).toString("hex")],
    ["in base64", Buffer.from(planted.value).toString("base64")],
    ["in base64, a byte further", Buffer.from(`x${planted.value}`).toString("base64")],
    ["in base64, two bytes further", Buffer.from(`xy${planted.value}y`).toString("base64url")],
    ["percent-encoded", [...Buffer.from(planted.value)].map((byte) => `%${byte.toString(16)}`).join("")],
  ])("in a file, %s", (_, text) => {
    const file = join(product.home.directory("tmp"), "planted");
    writeFileSync(file, `before ${text} after`);
    expect(places(scanner.files(dirname(product.home.path), [drop]))).toBe(file);
    writeFileSync(file, "");
  });

  test("in a database, and in its write-ahead log alone", () => {
    const directory = product.home.directory("planted-db");
    mkdirSync(directory, { recursive: true });
    const file = join(directory, "x.sqlite");
    const db = new DatabaseSync(file);
    db.exec("pragma journal_mode = wal; create table t (x text)");
    db.prepare("insert into t values (?)").run(`${"-".repeat(3_000)}${planted.value}${"-".repeat(3_000)}`);
    expect(places(scanner.files(directory))).toContain("-wal");
    db.close();
    expect(places(scanner.files(directory))).toBe(file);
    new DatabaseSync(file).exec("drop table t; vacuum");
  });

  test("in tmux, in a log, in events and in the audit log", { timeout: 120_000 }, async () => {
    const root = dirname(product.home.path);
    const { servers } = scanner.tmux(root);
    expect(servers).toBeGreaterThan(0);
    const { id } = await product.api.createSession({
      argv: ["/bin/sh", "-c", `echo ${planted.value}; exec cat`],
      backend: "tmux",
      host: product.api.defaultHost ?? "",
    });
    await product.api.screenShows(id, planted.value.slice(0, 20));
    expect(places(scanner.tmux(root).hits)).toContain("tmux at ");
    await product.api.killSession(id);
    const task = await dispatchTask(product.api, { command: ["/bin/echo", planted.value], on: { host: product.api.defaultHost ?? "" } });
    tasks.push(task.id);
    await taskShows(product.api, task.id, "ended", ({ status }) => status === "completed");
    await wholeLog(product.api, task.id);
    await product.api.createToken({ name: planted.value, role: "viewer" });
    const found = places(await everywhere(scanner));
    expect(found).toContain(`log of ${task.id}`);
    expect(found).toContain("/api/v1/audit");
    expect(found).toContain("maestro audit");
    expect(found).toContain("maestro events");
  });
});
