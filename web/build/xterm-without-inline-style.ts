/**
 * Lets xterm.js live under `style-src 'self'`. Its DOM renderer makes three `<style>` elements and sets
 * one `style` attribute from a string; both are refused by the policy, while a constructed stylesheet and
 * CSSOM are not. The four places are rewritten at build time, and a build in which they are not found
 * exactly fails, so an update of xterm cannot silently lose colours.
 */
import type { Plugin } from "vite";

const MODULE = /\/@xterm\/xterm\/lib\/xterm\.mjs$/;
const STYLE_ELEMENT = /[\w$.]+\.createElement\("style"\)/g;
const STYLE_ATTRIBUTE = /([\w$]+)\.setAttribute\("style",`\$\{\1\.getAttribute\("style"\)\|\|""\}\$\{([\w$]+)\};`\)/g;

export function xtermWithoutInlineStyle(): Plugin {
  return {
    name: "maestro:xterm-without-inline-style",
    apply: "build",
    transform(code, id) {
      if (!MODULE.test(id)) return null;
      const elements = count(code, STYLE_ELEMENT);
      const attributes = count(code, STYLE_ATTRIBUTE);
      if (elements !== 3 || attributes !== 1) {
        this.error(
          `xterm.js changed: ${elements} <style> elements (3 expected) and ${attributes} style attributes (1 expected). Read its renderer again before changing these figures.`,
        );
      }
      const rewritten = code
        .replace(STYLE_ELEMENT, "__maestroStyle()")
        .replace(STYLE_ATTRIBUTE, (_match, element: string, style: string) => `(${element}.style.cssText+=${style}+";")`);
      return { code: `import{adoptedStyle as __maestroStyle}from"/src/terminal/adopted-style.ts";${rewritten}`, map: null };
    },
  };
}

const count = (code: string, pattern: RegExp): number => code.match(pattern)?.length ?? 0;
