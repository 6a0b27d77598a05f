/** A button that opens a list of actions; arrows move, Escape and a click elsewhere close. */
import { useEffect, useRef, useState, type KeyboardEvent, type ReactNode } from "react";

export function Menu(props: {
  label: ReactNode;
  ariaLabel?: string | undefined;
  className?: string;
  side?: "left" | "right";
  children: (close: () => void) => ReactNode;
}) {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const close = (): void => setOpen(false);

  useEffect(() => {
    if (!open) return;
    const abort = new AbortController();
    document.addEventListener(
      "pointerdown",
      (event) => event.target instanceof Node && root.current?.contains(event.target) !== true && setOpen(false),
      { signal: abort.signal },
    );
    root.current?.querySelector<HTMLElement>('[role="menuitem"]:not(:disabled)')?.focus();
    return () => abort.abort();
  }, [open]);

  const onKey = (event: KeyboardEvent): void => {
    if (!open) return;
    const items = [...(root.current?.querySelectorAll<HTMLElement>('[role="menuitem"]:not(:disabled)') ?? [])];
    const at = items.findIndex((item) => item === document.activeElement);
    if (event.key === "Escape") {
      close();
      button.current?.focus();
    } else if (event.key === "ArrowDown") items[(at + 1) % items.length]?.focus();
    else if (event.key === "ArrowUp") items[(at - 1 + items.length) % items.length]?.focus();
    else if (event.key === "Home") items[0]?.focus();
    else if (event.key === "End") items.at(-1)?.focus();
    else if (event.key === "Tab") return close();
    else return;
    event.preventDefault();
  };

  return (
    <div className="menu" ref={root} onKeyDown={onKey}>
      <button
        ref={button}
        type="button"
        className={props.className ?? "button"}
        aria-haspopup="menu"
        aria-expanded={open}
        aria-label={props.ariaLabel}
        onClick={() => setOpen(!open)}
      >
        {props.label}
      </button>
      {open && (
        <div className={`list ${props.side ?? "right"}`} role="menu">
          {props.children(close)}
        </div>
      )}
    </div>
  );
}

export function MenuItem(props: { onSelect: () => void; disabled?: boolean; danger?: boolean; children: ReactNode }) {
  return (
    <button
      type="button"
      role="menuitem"
      tabIndex={-1}
      className={props.danger === true ? "item danger" : "item"}
      disabled={props.disabled === true}
      onClick={props.onSelect}
    >
      {props.children}
    </button>
  );
}
