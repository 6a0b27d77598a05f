/** Imported before any schema is made: zod would probe `new Function`, which the Content-Security-Policy refuses and reports. */
import * as z from "zod";

z.config({ jitless: true });
