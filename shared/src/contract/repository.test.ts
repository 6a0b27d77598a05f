import { expect, test } from "vitest";
import { Repository } from "./repository.ts";

test.each([
  "https://github.com/me/app.git",
  "http://10.0.0.5:3000/me/app",
  "ssh://git@host:2222/me/app.git",
  "git://host/app",
  "file:///srv/git/app.git",
  "git@github.com:me/app.git",
  "host:path/app",
  "/srv/git/with blank/app.git",
])("%s is a repository", (url) => {
  expect(Repository.safeParse({ url }).success).toBe(true);
});

test.each([
  "",
  "app",
  "--upload-pack=touch x",
  "-oProxyCommand=x:y",
  "ext::sh -c touch% x",
  "https://me:secret@github.com/me/app",
  "https://",
  "ssh://-oProxyCommand=x/y",
  "host:",
  "git@host:two words",
  "../relative",
])("%j is none", (url) => {
  expect(Repository.safeParse({ url }).success).toBe(false);
});

test("a branch is a name and no option", () => {
  const url = "/srv/app";
  expect(Repository.safeParse({ url, branch: "feature/t123" }).success).toBe(true);
  for (const branch of ["-b", "", "a b", "a\nb", "a~1"]) expect(Repository.safeParse({ url, branch }).success).toBe(false);
});
