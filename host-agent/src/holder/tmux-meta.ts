/** What a tmux session of ours says of itself, in a user option: enough to adopt it when all else is lost. */
import * as z from "zod";

export const TmuxMeta = z.object({
  name: z.string(),
  command: z.string(),
  cwd: z.string(),
  createdMs: z.number(),
  agent: z.string().optional(),
  /** Of the mark that tells the program's end. */
  nonce: z.string(),
});
export type TmuxMeta = z.infer<typeof TmuxMeta>;

/** An option of tmux is one line of text without surprises. */
export const encodeMeta = (meta: TmuxMeta): string => Buffer.from(JSON.stringify(meta)).toString("base64url");

export function decodeMeta(text: string): TmuxMeta | undefined {
  try {
    const meta = TmuxMeta.safeParse(JSON.parse(Buffer.from(text, "base64url").toString("utf8")));
    return meta.success ? meta.data : undefined;
  } catch {
    return undefined;
  }
}
