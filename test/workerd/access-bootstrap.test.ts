import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { formatToken } from "@maestro/shared/token";
import { bootstrap, call, json, refusal } from "./access-fleet.ts";

describe("before the first owner", () => {
  it("health answers and says so", async () => {
    expect(await json(call("/api/v1/health"))).toMatchObject({ status: "ok", bootstrapped: false });
  });

  it.each(["/api/v1/me", "/api/v1/hosts", "/api/v1/events"])("%s is closed with not_bootstrapped", async (path) => {
    const problem = await refusal(call(path), "not_bootstrapped");
    expect(problem.hint).toContain("maestro up");
  });

  it("a token of another deployment does not open it either", async () => {
    await refusal(call("/api/v1/me", { token: formatToken("pat", new Uint8Array(80).fill(3)) }), "not_bootstrapped");
  });

  it("login and enrolment are closed too", async () => {
    await refusal(call("/api/v1/login", { body: { token: "x" } }), "not_bootstrapped");
    await refusal(call("/api/v1/hosts/join", { body: { token: "x", signingKey: "a", sealingKey: "b" } }), "not_bootstrapped");
  });

  it.each(["/api/v1/openapi.json", "/api/docs", "/install.sh", "/problems/internal"])("%s is open", async (path) => {
    expect((await call(path)).status).toBe(200);
  });
});

describe("bootstrap", () => {
  it("makes an owner whose token works", async () => {
    const fleet = await bootstrap();
    const me = await json(call("/api/v1/me", { token: fleet.owner.token }));
    expect(me).toMatchObject({
      fleet: { id: fleet.id, name: "default" },
      principal: { kind: "token", id: fleet.owner.id, role: "owner", member: fleet.member },
    });
    expect(me.scopes).toContain("admin");
    expect(await json(call("/api/v1/health"))).toMatchObject({ bootstrapped: true });
  });

  it("works once: the second is 410 already_bootstrapped (API 7)", async () => {
    await bootstrap();
    const problem = await refusal(call("/api/v1/bootstrap", { body: { secret: env.TEST_BOOTSTRAP } }), "already_bootstrapped");
    expect(problem).toMatchObject({ detail: "This server has its first owner.", hint: "Log in, or ask an owner to add you." });
    expect(problem.field).toBeUndefined();
  });

  it("of several at once, one wins", async () => {
    const answers = await Promise.all(Array.from({ length: 4 }, () => call("/api/v1/bootstrap", { body: { secret: env.TEST_BOOTSTRAP } })));
    expect(answers.map((answer) => answer.status).sort()).toEqual([201, 410, 410, 410]);
    expect(await env.DB.prepare("select count(*) as n from members").first("n")).toBe(1);
  });

  it("refuses another secret", async () => {
    await refusal(
      call("/api/v1/bootstrap", { body: { secret: formatToken("boot", new Uint8Array(80).fill(9)) } }),
      "bootstrap_secret_invalid",
    );
  });

  it("stores no secret, only digests", async () => {
    const fleet = await bootstrap();
    const secret = fleet.owner.token.split("_")[3] ?? "";
    const tables = await env.DB.prepare("select * from tokens").all();
    expect(JSON.stringify(tables.results)).not.toContain(secret);
  });
});
