import { expect, test } from "vitest";
import { parseTypeFile } from "./parse.ts";

const parse = (text: string) => parseTypeFile(Buffer.from(text));

test("the whole documented form is read", () => {
  const parsed = parse(`slug: code-reviewer
adapter: claude
workspace_template: /srv/templates/node
capabilities: [node, gpu]
resource_limits: { memory: "512m", pids: 256, cpus: 2 }
env: { LOG: debug }
permissions: edit
isolate_with: docker
image: registry.example:5000/agents/node@sha256:0123
shared_network: false
`);
  expect(parsed).toMatchObject({
    type: "type",
    value: { slug: "code-reviewer", adapter: "claude", permissions: "edit", resource_limits: { pids: 256 } },
  });
});

test("the seed's file, with a mode and `resources`, is a kilo type", () => {
  expect(parse("slug: a\nmode: code-reviewer\nresources:\n  memory: 1g\n")).toMatchObject({
    type: "type",
    value: { adapter: "kilo", mode: "code-reviewer", resource_limits: { memory: "1g" } },
  });
});

test("argv alone is a custom type", () => {
  expect(parse('slug: a\nargv: ["tool", "{{prompt}}"]\n')).toMatchObject({ type: "type", value: { adapter: "custom" } });
});

test.each<[string, string, number | undefined, RegExp]>([
  ["an unknown key", "slug: a\nmode: m\nadaptor: kilo\n", 3, /unknown key 'adaptor', did you mean 'adapter'/],
  [
    "an unknown key inside limits",
    "slug: a\nmode: m\nresource_limits:\n  memroy: 1g\n",
    4,
    /unknown key 'resource_limits.memroy', did you mean 'memory'/,
  ],
  ["a missing slug", "mode: m\n", 1, /'slug' is missing/],
  ["a slug with a capital", "mode: m\nslug: Abc\n", 2, /'slug': must match/],
  ["an unknown adapter", "slug: a\nadapter: clippy\n", 2, /'adapter'/],
  ["no adapter at all", "slug: a\n", 1, /Neither/],
  ["argv for another adapter", "slug: a\nadapter: claude\nargv: [x]\n", 3, /custom/],
  ["custom without argv", "slug: a\nadapter: custom\n", 1, /needs `argv`/],
  ["a container without an image", "slug: a\nmode: m\nisolate_with: docker\n", undefined, /needs the `image`/],
  ["an image without a container", "slug: a\nmode: m\nimage: node\n", 3, /`image` is of types with `isolate_with: docker`/],
  ["an image that is a flag", "slug: a\nmode: m\nisolate_with: docker\nimage: --privileged\n", 4, /'image': must be an image reference/],
  ["an unknown placeholder", 'slug: a\nargv: ["t", "{{pormpt}}"]\n', 2, /\{\{pormpt\}\}/],
  ["limits twice", "slug: a\nmode: m\nresources: {pids: 1}\nresource_limits: {pids: 1}\n", 3, /same thing/],
  ["a memory size of nonsense", "slug: a\nmode: m\nresources:\n  memory: lots\n", 4, /resources.memory/],
  ["a denied variable", "slug: a\nmode: m\nenv:\n  LD_PRELOAD: x\n", 4, /LD_PRELOAD/],
  ["a duplicate key", "slug: a\nmode: m\nslug: b\n", 3, /twice/],
  ["two documents", "slug: a\nmode: m\n---\nslug: b\n", 3, /more than one document/],
  ["a custom tag", "slug: a\nmode: !!js/function 'x'\n", 2, /tags/],
  ["a local tag", "slug: a\nmode: !x y\n", 2, /tags/],
  ["tab indentation", "slug: a\nresources:\n\tpids: 1\n", 3, /tab/i],
  ["a list", "- a\n", 1, /mapping/],
  ["nothing", "", 1, /empty|mapping/],
  ["broken YAML", "slug: [a\nmode: m\n", undefined, /./],
])("%s is refused with its line", (_what, text, line, message) => {
  const parsed = parse(text);
  expect(parsed).toMatchObject({ type: "problem", problem: expect.stringMatching(message) });
  if (line !== undefined) expect(parsed).toMatchObject({ line });
});

test("a mistake elsewhere leaves the slug known, so that asking for the type finds the mistake", () => {
  expect(parse("slug: code-reviewer\nadaptor: kilo\n")).toMatchObject({ type: "problem", slug: "code-reviewer", line: 2 });
});

test("an alias bomb, a deep file, a huge file and UTF-16 are refused, quickly", () => {
  const bomb = [
    "a0: &a0 [x,x,x,x,x,x,x,x,x,x]",
    ...Array.from({ length: 9 }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i},`.repeat(10)}]`),
  ].join("\n");
  expect(parse(bomb)).toMatchObject({ type: "problem", problem: expect.stringMatching(/alias/) });
  expect(parse(`slug: ${"[".repeat(100)}${"]".repeat(100)}\n`)).toMatchObject({
    type: "problem",
    problem: expect.stringMatching(/deeper/),
  });
  expect(parse(`slug: ${"a".repeat(300_000)}`)).toMatchObject({ type: "problem", problem: expect.stringMatching(/262144/) });
  expect(parseTypeFile(Buffer.from("\ufeffslug: a", "utf16le"))).toMatchObject({
    type: "problem",
    problem: expect.stringMatching(/UTF-8/),
  });
});
