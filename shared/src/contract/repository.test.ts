import { expect, test } from "vitest";
import { Repository, shownRepository } from "./repository.ts";

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

test.each([
  // Of a version before, or of another client.
  ["https://me:secret@github.com/me/app", "https://***@github.com/me/app"],
  ["https://ghp_secret@github.com/me/app", "https://***@github.com/me/app"],
  ["https://git.example/me/app.git?private_token=secret", "https://git.example/me/app.git?***"],
  ["https://git.example/me/app.git#secret", "https://git.example/me/app.git#***"],
  ["ssh://git:secret@host:2222/me/app.git", "ssh://git:***@host:2222/me/app.git"],
  ["ssh://git:se@cret@host/me/app.git", "ssh://git:***@host/me/app.git"],
  ["git:secret@host:me/app.git", "git:***@host:me/app.git"],
])("%s is shown without what may be a secret", (url, shown) => {
  expect(shownRepository({ url, branch: "main" })).toEqual({ url: shown, branch: "main" });
});

test.each([
  "https://github.com/me/app.git",
  "http://10.0.0.5:3000/me/app@2",
  "ssh://git@host:2222/me/app@2.git",
  "git@github.com:me/app.git",
  "host:path/app",
  "/srv/git/what?/a:b@c",
])("%s is shown as it is", (url) => {
  expect(shownRepository({ url })).toEqual({ url });
});
