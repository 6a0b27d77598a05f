import { maestroError } from "@maestro/shared/errors";
import { describe, expect, it } from "vitest";
import { sampleHost } from "../fleet/testing/samples.ts";
import { emptyRemote, type RemoteDraft } from "./draft.ts";
import { isWrong, refusalAt, remoteProblems } from "./draft-problems.ts";

const good: RemoteDraft = { ...emptyRemote([sampleHost("laptop")]), name: "gpu", address: "dev@10.0.0.5:2222" };
const codes = (draft: RemoteDraft, purpose: "save" | "test" = "save") =>
  Object.fromEntries(Object.entries(remoteProblems(draft, purpose).fields).map(([field, { code }]) => [field, code]));

describe("what is wrong with a remote host", () => {
  it("is nothing when nothing is", () => {
    expect(isWrong(remoteProblems(good, "save"))).toBe(false);
    expect(isWrong(remoteProblems({ ...good, port: "2222", user: "dev", address: "ssh://dev@[2001:db8::5]:2222" }, "save"))).toBe(false);
  });

  it("stands at its field, all at once", () => {
    const bad: RemoteDraft = {
      ...good,
      name: "GPU Server",
      address: "  ",
      user: "-x",
      port: "70000",
      identity: "keys/id",
      cwd: "work",
      via: "",
      container: { kind: "named", name: "a b" },
    };
    expect(codes(bad)).toEqual({
      name: "field_invalid",
      address: "host_invalid",
      user: "user_invalid",
      port: "port_invalid",
      identity: "field_invalid",
      cwd: "field_invalid",
      via: "field_missing",
      container: "field_invalid",
    });
    const { fields } = remoteProblems(bad, "save");
    expect(fields.port?.detail).toBe("Port '70000' is none.");
    expect(fields.user?.detail).not.toContain("Port");
  });

  it("is at the field beside the address when both say something else", () => {
    expect(codes({ ...good, user: "root", port: "22" })).toEqual({ user: "user_invalid", port: "port_invalid" });
  });

  it("is no matter of the name for a test", () => {
    expect(codes({ ...good, name: "" })).toEqual({ name: "field_missing" });
    expect(codes({ ...good, name: "" }, "test")).toEqual({});
  });

  it("is that a container was to be named and was not", () => {
    expect(codes({ ...good, container: { kind: "named", name: " " } })).toEqual({ container: "field_missing" });
    expect(codes({ ...good, container: { kind: "auto", name: "a b" } })).toEqual({});
  });

  it("stands at the rows of options and variables", () => {
    const options = [
      { id: 3, name: "ProxyCommand", value: "nc" },
      { id: 4, name: "ConnectTimeout", value: "30" },
      { id: 5, name: "connecttimeout", value: "40" },
    ];
    const env = [
      { id: 0, name: "LD_PRELOAD", value: "/x" },
      { id: 1, name: "1A", value: "" },
      { id: 2, name: "FINE", value: "" },
    ];
    const problems = remoteProblems({ ...good, options, env }, "save");
    expect(isWrong(problems)).toBe(true);
    expect([...problems.options.keys()]).toEqual([3, 5]);
    expect([...problems.env].map(([id, { code }]) => [id, code])).toEqual([
      [0, "env_denied"],
      [1, "env_name_invalid"],
    ]);
  });

  it("is also what the server says, where it says it", () => {
    const draft = { ...good, options: [{ id: 6, name: "Port ", value: "x" }] };
    expect(refusalAt(draft, maestroError("host_exists", "Taken."))?.fields.name?.detail).toBe("Taken.");
    expect(refusalAt(draft, maestroError("ambiguous", "Which?", { field: "via" }))?.fields.via?.detail).toBe("Which?");
    expect(refusalAt(draft, maestroError("port_invalid", "No.", { field: "port" }))?.fields.port?.code).toBe("port_invalid");
    expect(refusalAt(draft, maestroError("field_invalid", "No.", { field: "options.port" }))?.options.get(6)?.detail).toBe("No.");
    expect(refusalAt(draft, maestroError("env_denied", "No.", { field: "env.GONE" }))).toBeUndefined();
    expect(refusalAt(draft, maestroError("queue_full", "Full."))).toBeUndefined();
  });
});
