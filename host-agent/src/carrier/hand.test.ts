/** What a machine answers that is not what it says: its words decide nothing here but what they are about. */
import { describe, expect, test } from "vitest";
import { ok } from "@maestro/shared/result";
import { Hand, parseFacts } from "./hand.ts";
import type { RemoteShell } from "./remote-shell.ts";

const never = new AbortController().signal;
const answering = (stdout: string): Hand => {
  const shell: RemoteShell = {
    run: () => Promise.resolve(ok({ exit: { type: "exit", code: 0 }, stdout: Buffer.from(stdout), stderr: "" })),
    open: () => Promise.reject(new Error("nothing is opened")),
  };
  return new Hand(shell, "");
};

describe("a refusal", () => {
  test.each([
    ["workspace_error", "workspace_error"],
    ["state_unwritable", "state_unwritable"],
    // Whoever asked would be told to log in.
    ["auth_required", "spawn_failed"],
    ["nonsense", "spawn_failed"],
  ])("with the code %s is %s", async (said, code) => {
    expect(await answering(`refused ${said} It cannot be.\n`).ensure("/w", never)).toMatchObject({
      ok: false,
      error: { code, detail: "It cannot be." },
    });
  });

  test("says no more than a person reads, and nothing that a terminal obeys", async () => {
    const refused = await answering(`refused workspace_error \u001B]0;x\u0007${"y".repeat(100_000)}`).ensure("/w", never);
    expect(refused).toMatchObject({ error: { detail: expect.not.stringContaining("\u001B") } });
    expect(!refused.ok && refused.error.detail.length).toBeLessThanOrEqual(1024);
  });
});

test("a directory is a path of a length that there are, or it was not made", async () => {
  expect(await answering("made /w/a b\n").ensure("/w", never)).toEqual({ ok: true, value: { path: "/w/a b", created: true } });
  for (const path of ["", "relative", `/${"d".repeat(5_000)}`])
    expect(await answering(`made ${path}\n`).ensure("/w", never)).toMatchObject({ error: { code: "remote_shell_broken" } });
});

describe("facts", () => {
  const facts = (...lines: string[]) => parseFacts(["home /home/u", "base /home/u/.maestro-remote", ...lines].join("\n"));

  test("name programs that were asked for, and no other ability", () => {
    expect(facts("has git", "has remote", "has tasks:1000", "has docker", "has git")?.has).toEqual(["git", "docker"]);
  });

  test("without a home that a path may be are none", () => {
    expect(facts()?.home).toBe("/home/u");
    expect(parseFacts("home relative\nbase /b")).toBeUndefined();
    expect(parseFacts(`home /${"h".repeat(5_000)}\nbase /b`)).toBeUndefined();
  });
});
