/** Images for a prompt: chosen, or pasted into it; each can be taken back. */
import { useRef } from "react";
import type { MaestroError } from "@maestro/shared/errors";
import { stripUnsafe } from "@maestro/shared/sanitize";
import { byteCount } from "../tasks/figures.ts";
import type { ChosenImage } from "../tasks/images.ts";
import { Field } from "../ui/field.tsx";

interface PickImagesProps {
  images: readonly ChosenImage[];
  error: MaestroError | undefined;
  onAdd: (files: readonly File[]) => void;
  onChange: (images: readonly ChosenImage[]) => void;
}

export function PickImages({ images, error, onAdd, onChange }: PickImagesProps) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <Field label="Images" error={error} hint="PNG, JPEG, GIF or WebP. They can be pasted into the prompt as well.">
      {(field) => (
        <div className="row wrap images">
          {images.map(({ name, bytes }, i) => (
            <button
              key={`${i} ${name}`}
              type="button"
              className="button small offer"
              title="Take it back"
              aria-label={`Take back ${stripUnsafe(name, 64)}`}
              onClick={() => onChange(images.filter((_, at) => at !== i))}
            >
              <span className="cut">{stripUnsafe(name, 64)}</span>
              <span className="muted">{byteCount(bytes)}</span>
              <span aria-hidden>×</span>
            </button>
          ))}
          <input
            {...field}
            ref={input}
            className="sr-only"
            type="file"
            multiple
            accept="image/png,image/jpeg,image/gif,image/webp"
            onChange={(event) => {
              onAdd([...(event.target.files ?? [])]);
              // The same one may be chosen again.
              event.target.value = "";
            }}
          />
          <button type="button" className="button small" onClick={() => input.current?.click()}>
            Add images
          </button>
        </div>
      )}
    </Field>
  );
}
