import { expect, test } from "vitest";
import { negotiate, SUBPROTOCOL, VersionRange, VERSIONS } from "./version.ts";

test("[VR1] the subprotocol is the constant maestro.v1", () => {
  expect(SUBPROTOCOL).toBe("maestro.v1");
});

test.each([
  [{ min: 1, max: 1 }, { min: 1, max: 1 }, 1],
  [{ min: 1, max: 3 }, { min: 2, max: 5 }, 3],
  [{ min: 4, max: 5 }, { min: 3, max: 4 }, 4],
])("[VR2] %j and %j speak version %i", (mine, theirs, version) => {
  expect(negotiate(mine, theirs)).toEqual({ ok: true, value: version });
  expect(negotiate(theirs, mine)).toEqual({ ok: true, value: version });
});

test("[VR1] without a common version the refusal holds the supported range and says which side is old", () => {
  const older = negotiate({ min: 3, max: 4 }, { min: 1, max: 2 });
  expect(older).toMatchObject({
    ok: false,
    error: { code: "upgrade_required", extra: { min: 3, max: 4 }, hint: expect.stringContaining("older side") },
  });
  const newer = negotiate({ min: 1, max: 2 }, { min: 3, max: 4 });
  expect(newer).toMatchObject({ ok: false, error: { code: "upgrade_required", hint: "Upgrade the control plane." } });
});

test("[VR2] this build speaks N and at most one version before", () => {
  expect(VersionRange.safeParse(VERSIONS).success).toBe(true);
  expect(VERSIONS.max - VERSIONS.min).toBeLessThanOrEqual(1);
});
