/** The fourth wall of style.md 4.3: planted faults show that the first three stand, and the rest is read from the tree. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { ROOT } from "../scripts/command.ts";
import { ROUTES } from "../shared/src/contract/routes.ts";
import { ERRORS } from "../shared/src/errors.ts";
import { copyTree } from "./architecture-copy.ts";

interface Planted {
  title: string;
  path: string;
  source: string;
  /** What the linter has to say. */
  rule: RegExp;
  /** What the compiler has to say as well. */
  type?: RegExp;
}

const IMPORT = /no-restricted-imports/;

const PLANTED: Planted[] = [
  {
    title: "[shared → zod only] shared imports a server framework",
    path: "shared/src/planted-hono.ts",
    source: 'import { Hono } from "hono";\nexport const app = new Hono();\n',
    rule: IMPORT,
  },
  {
    title: "[shared → zod only] shared imports a Node built-in",
    path: "shared/src/planted-node.ts",
    source: 'import { readFile } from "node:fs";\nexport const read = readFile;\n',
    rule: IMPORT,
  },
  {
    title: "[shared ◄ control-plane] shared imports what imports it",
    path: "shared/src/planted-up.ts",
    source: 'export * from "../../control-plane/src/config.ts";\n',
    rule: IMPORT,
    type: /TS6307/,
  },
  {
    title: "[packages meet in shared] the control plane imports the host-agent",
    path: "control-plane/src/planted-agent.ts",
    source: 'export * from "../../host-agent/src/config/env.ts";\n',
    rule: IMPORT,
  },
  {
    title: "[packages meet in shared] the host-agent imports the control plane",
    path: "host-agent/src/planted-worker.ts",
    source: 'export * from "../../control-plane/src/config.ts";\n',
    rule: IMPORT,
  },
  {
    title: "[packages meet in shared] the console imports the host-agent",
    path: "web/src/planted-agent.ts",
    source: 'export * from "../../host-agent/src/config/env.ts";\n',
    rule: IMPORT,
  },
  {
    title: "[domain → shared only] a decision imports the platform",
    path: "control-plane/src/domain/planted-platform.ts",
    source: 'import { DurableObject } from "cloudflare:workers";\nexport const base = DurableObject;\n',
    rule: IMPORT,
  },
  {
    title: "[domain → shared only] a decision imports the framework",
    path: "control-plane/src/domain/planted-hono.ts",
    source: 'import { Hono } from "hono";\nexport const app = new Hono();\n',
    rule: IMPORT,
  },
  {
    title: "[domain → shared only] a decision imports the database",
    path: "control-plane/src/domain/planted-db.ts",
    source: 'export * from "../db/schema.ts";\n',
    rule: IMPORT,
  },
  {
    title: "[db → shared only] the database imports a route",
    path: "control-plane/src/db/planted-route.ts",
    source: 'import { app } from "../app.ts";\nexport const mounted = app;\n',
    rule: IMPORT,
  },
  {
    title: "[objects → domain, db] an object imports the framework",
    path: "control-plane/src/objects/planted-hono.ts",
    source: 'import { Hono } from "hono";\nexport const app = new Hono();\n',
    rule: IMPORT,
  },
  {
    title: "[no cycles] a module imports itself through another",
    path: "shared/src/planted-cycle.ts",
    source: 'import { two } from "./planted-cycle-two.ts";\nexport const one = (): number => two();\n',
    rule: /no-cycle/,
  },
  {
    title: "[no shell] the host-agent imports exec",
    path: "host-agent/src/planted-shell.ts",
    source: 'import { exec } from "node:child_process";\nexport const run = exec;\n',
    rule: IMPORT,
  },
  {
    title: "[time is a parameter] a decision reads the clock",
    path: "control-plane/src/domain/planted-clock.ts",
    source: "export const now = (): number => Date.now();\n",
    rule: /no-restricted-properties/,
  },
  {
    title: "[time is a parameter] shared starts a timer",
    path: "shared/src/planted-timer.ts",
    source: "export const later = (f: () => void): unknown => setTimeout(f, 1);\n",
    rule: /no-restricted-globals/,
    type: /TS2304/,
  },
  {
    title: "[no floating promise] a promise is dropped",
    path: "host-agent/src/planted-promise.ts",
    source: "const work = async (): Promise<void> => {};\nexport const start = (): void => {\n  work();\n};\n",
    rule: /no-floating-promises/,
  },
  {
    title: "[exhaustive switches] a case of a union is forgotten",
    path: "shared/src/planted-switch.ts",
    source:
      'export function name(kind: "a" | "b"): string {\n  let text = "";\n  switch (kind) {\n    case "a":\n      text = "x";\n  }\n  return text;\n}\n',
    rule: /switch-exhaustiveness-check/,
  },
  {
    title: "[no any] a type gives up",
    path: "shared/src/planted-any.ts",
    source: "export const value = (x: any): unknown => x;\n",
    rule: /no-explicit-any/,
  },
  {
    title: "[no default exports] a module has no name for what it exports",
    path: "web/src/planted-default.ts",
    source: "export default 1;\n",
    rule: /no-default-export/,
  },
];

describe("planted faults", () => {
  let lint: string[] = [];
  let types: string[] = [];

  beforeAll(async () => {
    await using tree = await copyTree();
    await tree.plant(
      "shared/src/planted-cycle-two.ts",
      'import { one } from "./planted-cycle.ts";\nexport const two = (): number => one();\n',
    );
    for (const { path, source } of PLANTED) await tree.plant(path, source);
    [lint, types] = await Promise.all([tree.lintFindings(), tree.sharedTypeFindings()]);
  }, 180_000);

  const isTold = (findings: readonly string[], path: string, rule: RegExp): void => {
    const told = findings.filter((line) => line.includes(path));
    expect(
      told.some((line) => rule.test(line)),
      `findings:\n${told.join("\n")}`,
    ).toBe(true);
  };

  test.each(PLANTED)("$title: check says so", ({ path, rule, type }) => {
    isTold(lint, path, rule);
    if (type !== undefined) isTold(types, path, type);
  });
});

interface Source {
  path: string;
  text: string;
}

async function sources(...folders: string[]): Promise<Source[]> {
  const found = await Promise.all(
    folders.map(async (folder) => {
      const entries = await readdir(join(ROOT, folder), { recursive: true, withFileTypes: true }).catch(() => []);
      return entries.filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name)).map((entry) => join(entry.parentPath, entry.name));
    }),
  );
  const paths = found.flat().filter((path) => !/[/\\](node_modules|dist)[/\\]/.test(path));
  return Promise.all(
    paths.map(async (path) => ({ path: path.slice(ROOT.length).replaceAll("\\", "/"), text: await readFile(path, "utf8") })),
  );
}

const PRODUCT = ["shared/src", "control-plane/src", "host-agent/src", "web/src"];
const isTest = ({ path }: Source): boolean => /\.test\.tsx?$/.test(path);

describe("the tree", () => {
  let product: Source[] = [];
  let tests: Source[] = [];

  beforeAll(async () => {
    const all = await sources(...PRODUCT);
    product = all.filter((source) => !isTest(source));
    tests = [...all.filter(isTest), ...(await sources("test")).filter(isTest)];
  });

  test("[no utils] every folder and file is named after what it holds", () => {
    const drawers = product.filter(({ path }) => /(^|[/-])(utils?|helpers?|misc|common|manager)([/.-]|$)/i.test(path));
    expect(drawers.map(({ path }) => path)).toEqual([]);
  });

  test("[one concept, one file] no source is longer than 400 lines, and most are near a hundred", () => {
    // The two tables of the contract are as long as the API is wide.
    const tables = new Set(["shared/src/contract/resources.ts", "shared/src/contract/routes.ts", "shared/src/protocol/link.ts"]);
    const lengths = product.map(({ path, text }) => ({ path, lines: text.split("\n").length })).filter(({ path }) => !tables.has(path));
    expect(lengths.filter(({ lines }) => lines > 400)).toEqual([]);
    const sorted = lengths.map(({ lines }) => lines).toSorted((a, b) => a - b);
    expect(sorted[Math.floor(sorted.length / 2)] ?? 0).toBeLessThan(130);
  });

  test("[no barrels] no file only passes on what others export", () => {
    const barrels = product.filter(({ text }) => {
      const code = text
        .replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "")
        .split("\n")
        .filter((line) => line.trim() !== "");
      return code.length > 1 && code.every((line) => /^\s*export .* from /.test(line));
    });
    expect(barrels.map(({ path }) => path).filter((path) => path !== "control-plane/src/worker.ts")).toEqual([]);
  });

  test("[zod whole] zod is imported as a namespace, which a bundler can shake", () => {
    expect(product.filter(({ text }) => /import\s+(type\s+)?(\{[^}]*\}|z)\s+from\s+"zod"/.test(text)).map(({ path }) => path)).toEqual([]);
  });

  test("[no shell] nothing is run through a shell", () => {
    expect(product.filter(({ text }) => /\bshell:\s*true\b/.test(text)).map(({ path }) => path)).toEqual([]);
  });

  test("[no clocks in objects] a Durable Object that hibernates holds no timer, but for a moment", () => {
    const moment = "control-plane/src/objects/moment.ts";
    expect(product.find(({ path }) => path === moment)?.text).toContain("type MomentMs = 0 | 50;");
    const objects = product.filter(({ path }) => path.startsWith("control-plane/src/objects/") && path !== moment);
    expect(objects.filter(({ text }) => /\bset(Timeout|Interval)\s*\(/.test(text)).map(({ path }) => path)).toEqual([]);
  });

  test("[time is a parameter] no decision and nothing shared asks what time it is", () => {
    const pure = product.filter(({ path }) => path.startsWith("shared/src/") || path.startsWith("control-plane/src/domain/"));
    expect(pure.filter(({ text }) => /new Date\(\s*\)|Date\.now|Math\.random/.test(text)).map(({ path }) => path)).toEqual([]);
  });

  test("[worker first] no route can be answered by the console's page instead of the Worker", async () => {
    const toml = await readFile(join(ROOT, "wrangler.toml"), "utf8");
    const first = [...(/run_worker_first = \[([^\]]*)\]/.exec(toml)?.[1] ?? "").matchAll(/"([^"]+)"/g)].flatMap(([, path]) => path ?? []);
    const covered = (path: string): boolean =>
      first.some((pattern) => (pattern.endsWith("*") ? path.startsWith(pattern.slice(0, -1)) : path === pattern));
    expect(
      Object.values(ROUTES)
        .map(({ path }) => path)
        .filter((path) => !covered(path)),
    ).toEqual([]);
  });

  test("[no debts] there is no TODO without an issue, and no test that is switched off without a reason", () => {
    const debts = [...product, ...tests].filter(({ text }) => /\b(TODO|FIXME|XXX)\b(?!.*#\d)/.test(text) && !text.includes("[no debts]"));
    expect(debts.map(({ path }) => path)).toEqual([]);
    expect(
      tests.filter(({ text }) => /\b(test|describe|it)\.(only|todo)\b/.test(text) && !text.includes("[no debts]")).map(({ path }) => path),
    ).toEqual([]);
  });

  test("[errors] every code in the table is used by the product", () => {
    const text = product
      .filter(({ path }) => path !== "shared/src/errors.ts")
      .map((source) => source.text)
      .join("\n");
    // Named by the design, used by an issue to come: durable outboxes.
    const reserved = new Set(["seq_conflict"]);
    const unused = Object.keys(ERRORS).filter((code) => !text.includes(`"${code}"`) && !reserved.has(code));
    expect(unused).toEqual([]);
  });

  test("[rules] every numbered rule of PROTOCOL.md is cited by a test, and every cited rule exists", async () => {
    const protocol = await readFile(join(ROOT, "shared/PROTOCOL.md"), "utf8");
    const rules = new Set([...protocol.matchAll(/^- \*\*((?:VR|LK|CH|VW|EV)\d+)\*\*/gm)].flatMap(([, id]) => id ?? []));
    expect(rules.size).toBeGreaterThan(25);
    const cited = new Set(tests.flatMap(({ text }) => [...text.matchAll(/\[((?:VR|LK|CH|VW|EV)\d+)\]/g)].flatMap(([, id]) => id ?? [])));
    expect({ unproven: [...rules].filter((id) => !cited.has(id)), unknown: [...cited].filter((id) => !rules.has(id)) }).toEqual({
      unproven: [],
      unknown: [],
    });
  });
});
