/**
 * What xterm's renderer gets in place of a `<style>` element (see build/xterm-without-inline-style.ts): a
 * hidden element whose text becomes a constructed stylesheet, which `style-src 'self'` allows.
 */
export function adoptedStyle(): HTMLElement {
  const sheet = new CSSStyleSheet();
  const element = document.createElement("span");
  element.hidden = true;
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  Object.defineProperty(element, "textContent", {
    get: () => "",
    set: (css: string) => {
      sheet.replaceSync(css);
    },
  });
  Object.defineProperty(element, "remove", {
    value: () => {
      document.adoptedStyleSheets = document.adoptedStyleSheets.filter((other) => other !== sheet);
      Element.prototype.remove.call(element);
    },
  });
  return element;
}
