/** Keys a phone does not have. Ctrl is sticky for the next key. */
import { useEffect, useState, type PointerEvent } from "react";
import type { Attachment } from "./attachment.ts";
import { controlByte, KEYS } from "./accessory-keys.ts";

export function AccessoryRow({ attachment, disabled }: { attachment: Attachment; disabled: boolean }) {
  const [ctrl, setCtrl] = useState(false);

  useEffect(() => {
    if (!ctrl) return;
    return attachment.emulator.nextTyped((data) => {
      setCtrl(false);
      return controlByte(data) ?? data;
    });
  }, [ctrl, attachment]);

  // Keeps the on-screen keyboard where it is: the terminal must not lose the focus.
  const hold = (event: PointerEvent): void => event.preventDefault();
  const send = (bytes: (applicationCursor: boolean) => string): void => {
    attachment.type(new TextEncoder().encode(bytes(attachment.emulator.terminal.modes.applicationCursorKeysMode)));
    setCtrl(false);
  };
  return (
    <div className="keys" role="toolbar" aria-label="Keys">
      {KEYS.map((key) =>
        key.type === "ctrl" ? (
          <button key="ctrl" type="button" aria-pressed={ctrl} disabled={disabled} onPointerDown={hold} onClick={() => setCtrl(!ctrl)}>
            Ctrl
          </button>
        ) : (
          <button
            key={key.label}
            type="button"
            aria-label={key.name}
            disabled={disabled}
            onPointerDown={hold}
            onClick={() => send(key.bytes)}
          >
            {key.label}
          </button>
        ),
      )}
    </div>
  );
}
