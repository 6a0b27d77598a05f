import { describe, expect, test } from "vitest";
import { rootProblem, serviceUser } from "./service-user.ts";

const home = "/var/lib/maestro";
const root = { uid: 0, name: "root" };
const ada = { uid: 1000, name: "ada" };

describe("the user of the machine's service", () => {
  test.each([
    ["`sudo maestro host join --system`, then `sudo maestro host install --system`: whoever called sudo", root, "ada", "ada"],
    ["the same as root, without sudo", root, undefined, "root"],
    ["an empty SUDO_USER says nothing", root, "", "root"],
    ["an identity that a user has stays theirs, whoever installs", ada, "bob", "ada"],
    ["also when root does", ada, undefined, "ada"],
  ])("%s", (_what, owner, sudoUser, user) => {
    expect(serviceUser({ home, owner, sudoUser })).toEqual({ ok: true, value: user });
  });

  test("an identity of nobody's is refused with what to do", () => {
    expect(serviceUser({ home, owner: { uid: 4711, name: undefined }, sudoUser: "ada" })).toMatchObject({
      ok: false,
      error: { code: "insecure_permissions", field: home, hint: expect.stringContaining(`sudo chown -R <user> '${home}'`) },
    });
  });
});

test("what is the machine's is root's to do, and told before it is begun", () => {
  expect(rootProblem("system", 1000, "maestro host install")).toMatchObject({
    code: "insecure_permissions",
    hint: expect.stringContaining("sudo maestro host install --system"),
  });
  expect(rootProblem("system", 0, "maestro host install")).toBeUndefined();
  expect(rootProblem("user", 1000, "maestro host install")).toBeUndefined();
});
