/** Maps of names that several resources share. */
import * as z from "zod";
import { EnvName } from "./agent-types.ts";

const Label = z.string().max(128);
export const Labels = z.record(z.string().regex(/^[a-z0-9][a-z0-9._/-]{0,62}$/), Label);
export const EnvMap = z.record(EnvName, z.string().max(4096));
