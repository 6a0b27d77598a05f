/** Terminal colours for both schemes: the console's own neutrals, ANSI colours at 4.5:1 or better on them. */
import type { ITheme } from "@xterm/xterm";

export const DARK: ITheme = {
  background: "#0c0e12", foreground: "#e3e6ec", cursor: "#8ea6ff", cursorAccent: "#0c0e12", selectionBackground: "#33415e", selectionInactiveBackground: "#262d3d",
  black: "#3b4252", red: "#f07178", green: "#7fd08a", yellow: "#e5c07b", blue: "#82a7ff", magenta: "#c99bf5", cyan: "#6fcfd6", white: "#d7dbe3",
  brightBlack: "#7d8798", brightRed: "#ff9096", brightGreen: "#9fe5a8", brightYellow: "#f4d79b", brightBlue: "#a8c2ff", brightMagenta: "#dcbcff", brightCyan: "#96e3e8", brightWhite: "#ffffff",
};

export const LIGHT: ITheme = {
  background: "#fdfdfc", foreground: "#22252b", cursor: "#3a57d6", cursorAccent: "#fdfdfc", selectionBackground: "#cfd9fb", selectionInactiveBackground: "#e3e6ee",
  black: "#22252b", red: "#b3261e", green: "#1a6b35", yellow: "#7a5600", blue: "#2b4fc4", magenta: "#8430a8", cyan: "#0b6a75", white: "#6a707c",
  brightBlack: "#5d6470", brightRed: "#c4372e", brightGreen: "#217a40", brightYellow: "#8a6300", brightBlue: "#3a60de", brightMagenta: "#9740bd", brightCyan: "#0f7a86", brightWhite: "#3c4049",
};
