import { expect, test } from "vitest";
import { GitHubIssues, issueWork, todoWork } from "./tagged-work.ts";

test("[DISP20] open items with a target are work, by their own number where they have one", () => {
  const text = [
    "# To do",
    "- [ ] t12 Fix the build target:gpu-1 model:opus",
    "  * [ ] t12.3: With a child target:gpu-2",
    "1. [ ] Without a number target:box",
    "- [x] t13 Done target:gpu-1",
    "- [ ] t14 Nowhere to go",
    "- [ ] target:gpu-1",
    "- [ ] mytarget:gpu-1 is no tag",
  ].join("\r\n");
  expect(todoWork("todo.md", text)).toEqual([
    { place: "todo.md:2", id: "t12", host: "gpu-1", model: "opus", prompt: "t12 Fix the build", title: "t12 Fix the build" },
    { place: "todo.md:3", id: "t12_3", host: "gpu-2", model: undefined, prompt: "t12.3: With a child", title: "t12.3: With a child" },
    {
      place: "todo.md:4",
      id: expect.stringMatching(/^todo-[0-9a-f]{12}$/),
      host: "box",
      model: undefined,
      prompt: "Without a number",
      title: "Without a number",
    },
  ]);
});

test("the same line has the same id, wherever it moves to; another one has another", () => {
  const ids = (text: string) => todoWork("todo.md", text).map(({ id }) => id);
  expect(ids("- [ ] One target:a\n- [ ] Two target:a")).toEqual(ids("\n\n- [ ] One   target:b\n- [ ] Two target:a"));
  expect(new Set(ids("- [ ] One target:a\n- [ ] Two target:a")).size).toBe(2);
});

test("[DISP20] issues with a target label are work", () => {
  const issues = GitHubIssues.parse([
    {
      number: 7,
      title: "It breaks",
      body: "Always.",
      url: "https://github.com/Me/App/issues/7",
      labels: [{ name: "bug" }, { name: "target:gpu-1" }],
    },
    { number: 8, title: "Elsewhere", body: null, url: "https://github.com/Me/App/issues/8", labels: [{ name: "bug" }] },
  ]);
  expect(issueWork("Me/App", issues)).toEqual([
    {
      place: "#7",
      id: "gh-me-app-7",
      host: "gpu-1",
      model: undefined,
      prompt: "It breaks (https://github.com/Me/App/issues/7)\n\nAlways.",
      title: "It breaks",
    },
  ]);
});
