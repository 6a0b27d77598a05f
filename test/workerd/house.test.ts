import { env } from "cloudflare:workers";
import { expect, test } from "vitest";

test("the workerd project runs inside the Workers runtime with its bindings", () => {
  expect(navigator.userAgent).toBe("Cloudflare-Workers");
  expect(env.DB).toBeDefined();
});
