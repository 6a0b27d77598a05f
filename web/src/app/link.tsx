/** A link inside the console: a real address, opened without a reload. */
import type { MouseEvent, ReactNode } from "react";
import { navigate } from "./router.ts";

export function Link(props: {
  to: string;
  className?: string;
  current?: boolean;
  title?: string;
  children: ReactNode;
  onFollow?: () => void;
}) {
  const follow = (event: MouseEvent): void => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    navigate(props.to);
    props.onFollow?.();
  };
  return (
    <a
      href={props.to}
      className={props.className}
      title={props.title}
      aria-current={props.current === true ? "page" : undefined}
      onClick={follow}
    >
      {props.children}
    </a>
  );
}
