import { expect, test } from "vitest";
import { loadFigures } from "./figures.ts";

test("[LK8] what a running attempt takes is shown as people read it, with the exact figure behind", () => {
  expect(loadFigures({ cpu: 1.256, memoryBytes: 100 * 1024 * 1024 })).toEqual([
    { name: "CPU now", value: "126 %", exact: "1.26 processors in use" },
    { name: "Memory now", value: "100 MiB", exact: "104,857,600 bytes" },
  ]);
});
