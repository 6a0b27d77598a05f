/** A page that is one list by name, with a place to begin when it is empty and one thing that adds to it. */
import type { ReactNode } from "react";
import { Icon } from "../ui/icons.tsx";
import { Empty } from "../ui/parts.tsx";
import { useOpened } from "../ui/use-opened.ts";
import { Page } from "./page.tsx";

interface ListPageProps<T> {
  title: string;
  about: string;
  unread: string;
  items: readonly T[];
  /** Undefined for who may not. */
  add: { label: string; Dialog: (props: { onClose: () => void }) => ReactNode } | undefined;
  empty: { title: string; text: string };
  /** Of all items, by name. */
  children: (items: readonly T[]) => ReactNode;
}

export function ListPage<T extends { name: string }>({ title, about, unread, items, add, empty, children }: ListPageProps<T>) {
  const [adding, open] = useOpened();
  const button =
    add === undefined ? undefined : (
      <button type="button" className="button primary" onClick={() => open(true)}>
        <Icon name="plus" />
        {add.label}
      </button>
    );
  return (
    <>
      <Page title={title} about={about} actions={items.length > 0 ? button : undefined} unread={unread}>
        {items.length === 0 ? (
          <Empty title={empty.title} actions={button}>
            {empty.text}
          </Empty>
        ) : (
          children(items.toSorted((a, b) => a.name.localeCompare(b.name)))
        )}
      </Page>
      {adding !== undefined && add !== undefined && <add.Dialog onClose={adding.close} />}
    </>
  );
}
