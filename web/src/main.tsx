/** Where the console starts. */
import "./zod-without-eval.ts";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import "@xterm/xterm/css/xterm.css";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/parts.css";
import "./styles/shell.css";
import "./styles/terminal.css";
import { takeFragment } from "./api/login.ts";
import { App } from "./app/app.tsx";

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
