/** [SSH18] Images of a prompt, as each CLI takes them: by a flag, or named behind what is asked. Paths are absolute, where the CLI runs. */
import * as path from "node:path";

/** One flag each: some CLIs would read on past a flag's first value. */
export const flagged = (flag: string, images: readonly string[]): string[] => images.flatMap((image) => [flag, image]);

/** @param mark before each path, where the CLI has one by which it takes a file in. */
export function named(prompt: string, images: readonly string[], mark: "" | "@" = ""): string {
  if (images.length === 0) return prompt;
  const which =
    images.length === 1 ? "This image belongs to it; look at it first:" : "These images belong to it, in this order; look at them first:";
  // With a mark a blank would end the path.
  const lines = images.map((image) => (mark === "" ? image : `${mark}${image.replace(/[ \\]/g, "\\$&")}`));
  return `${prompt}\n\n${which}\n${lines.join("\n")}\n`;
}

/** Outside of the workspace a CLI may read only where it is told to. */
export const directoryOf = (images: readonly string[]): string | undefined =>
  images[0] === undefined ? undefined : path.posix.dirname(images[0]);
