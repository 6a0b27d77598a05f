/** Where the console starts. */
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import * as z from "zod";
import "@xterm/xterm/css/xterm.css";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/parts.css";
import "./styles/shell.css";
import "./styles/terminal.css";
import { takeFragment } from "./api/login.ts";
import { App } from "./app/app.tsx";

// zod would probe `new Function`, which the Content-Security-Policy refuses and reports.
z.config({ jitless: true });

// Before anything renders or is fetched: the secret must not stay in the address.
const secret = takeFragment();

const root = document.getElementById("root");
if (root !== null) {
  createRoot(root).render(
    <StrictMode>
      <App secret={secret} />
    </StrictMode>,
  );
}
