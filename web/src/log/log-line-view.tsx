/** One line of a log. Text nodes only: nothing in a log is ever markup. */
import { memo, type CSSProperties } from "react";
import { byteCount } from "../tasks/figures.ts";
import type { Colour, Pen } from "./ansi.ts";
import { piecesOf } from "./log-pieces.ts";
import type { Hits } from "./log-search.ts";
import type { LogLine } from "./log-line.ts";

declare module "react" {
  // Set through the CSSOM, which the policy allows; the sheet keeps them readable on either scheme.
  interface CSSProperties {
    "--log-fg"?: string;
    "--log-bg"?: string;
  }
}

interface LogLineProps {
  line: LogLine;
  hits: Hits;
  length: number;
  /** The hit that was stepped to. */
  current: number | undefined;
}

export const LogLineView = memo(function LogLineView({ line, hits, length, current }: LogLineProps) {
  return (
    <>
      {line.missing > 0 && <div className="log-missing">… {byteCount(line.missing)} of this log were not kept …</div>}
      <div className="log-line">
        {piecesOf(line.spans, hits, length).map(({ text, pen, hit }, i) => {
          const shown = { className: classOf(pen), style: styleOf(pen) };
          return hit === undefined ? (
            <span key={i} {...shown}>
              {text}
            </span>
          ) : (
            <mark key={i} className={hit === current ? "hit current" : "hit"}>
              {text}
            </mark>
          );
        })}
      </div>
    </>
  );
});

function classOf(pen: Pen): string | undefined {
  const [fg, bg] = pen.inverse ? [pen.bg, pen.fg] : [pen.fg, pen.bg];
  const names = [
    ...colourClass("fg", fg),
    ...colourClass("bg", bg),
    ...(pen.inverse ? ["inverse"] : []),
    ...(pen.bold ? ["bold"] : []),
    ...(pen.dim ? ["dim"] : []),
    ...(pen.italic ? ["italic"] : []),
    ...(pen.underline ? ["underline"] : []),
    ...(pen.strike ? ["strike"] : []),
  ];
  return names.length === 0 ? undefined : names.join(" ");
}

const colourClass = (which: "fg" | "bg", colour: Colour | undefined): string[] =>
  colour === undefined ? [] : [typeof colour === "number" ? `${which}-${colour}` : `${which}-rgb`];

function styleOf(pen: Pen): CSSProperties | undefined {
  const [fg, bg] = pen.inverse ? [pen.bg, pen.fg] : [pen.fg, pen.bg];
  if (typeof fg !== "string" && typeof bg !== "string") return undefined;
  return { ...(typeof fg === "string" ? { "--log-fg": fg } : {}), ...(typeof bg === "string" ? { "--log-bg": bg } : {}) };
}
