/** A check of a remote host as it runs and as it ended: thirteen steps, and an unknown key that waits for somebody's word. */
import { useEffect, useRef } from "react";
import { CHECKS, type CheckStep, type HostCheck } from "@maestro/shared/contract/remote-hosts";
import { checkSummary, publicKeyFile, spentWord, stepName } from "../remote/words.ts";
import type { Checking } from "../remote/use-check.ts";
import { Icon, type IconName } from "../ui/icons.tsx";
import { CopyLine, Problem, useNow } from "../ui/parts.tsx";

interface CheckResultProps {
  checking: Checking;
  /** Name of the linked host it is checked from. */
  from: string;
  /** What was checked is not what stands there now. */
  outdated?: boolean;
  /** Undefined for who may not trust a key. */
  onTrust: ((sha256: string) => void) | undefined;
}

export function CheckResult({ checking, from, outdated = false, onTrust }: CheckResultProps) {
  const { state } = checking;
  const box = useRef<HTMLElement>(null);
  useEffect(() => {
    if (state.type !== "idle" && box.current !== null) toTop(box.current);
  }, [state.type]);
  switch (state.type) {
    case "idle":
      return null;
    case "running":
      return (
        <section className="check" aria-label="Test" aria-busy="true" ref={box}>
          <div className="check-head" role="status">
            <span className="spinner" />
            <span className="grow">
              Testing from {from}… <Elapsed sinceMs={state.sinceMs} />
            </span>
            <button type="button" className="button small" onClick={() => checking.stop()}>
              Stop
            </button>
          </div>
          <ol className="check-steps waiting">
            {CHECKS.map((name) => (
              <li key={name}>
                <span className="step-mark" />
                <span>{stepName(name)}</span>
              </li>
            ))}
          </ol>
        </section>
      );
    case "refused":
      return (
        <section aria-label="Test" ref={box}>
          <Problem title="It could not be tested" error={state.error} />
        </section>
      );
    case "told":
      return (
        <section className={outdated ? "check outdated" : "check"} aria-label="Test" ref={box}>
          <Told check={state.check} from={from} outdated={outdated} onTrust={outdated ? undefined : onTrust} />
        </section>
      );
  }
}

/** Within the dialog's own scrolling part: scrollIntoView would move its heading out of sight too. */
function toTop(box: HTMLElement): void {
  const scrolled = box.closest(".body");
  if (scrolled !== null) scrolled.scrollTop += box.getBoundingClientRect().top - scrolled.getBoundingClientRect().top;
}

/** Not spoken: only that it runs is. */
function Elapsed({ sinceMs }: { sinceMs: number }) {
  const seconds = Math.max(0, Math.floor((useNow(1_000) - sinceMs) / 1_000));
  return (
    <span className="muted figures-text" aria-hidden="true">
      {seconds} s
    </span>
  );
}

function Told({ check, from, outdated, onTrust }: { check: HostCheck } & Pick<CheckResultProps, "from" | "outdated" | "onTrust">) {
  const { tone, text } = checkSummary(check);
  const { hostKey } = check;
  return (
    <>
      <div className={`check-head ${tone}`} role="status">
        <Icon name={tone === "ok" ? "check" : "warning"} />
        <strong className="grow">{text}</strong>
        {outdated === true && <span className="tag warn">changed since</span>}
      </div>
      {hostKey?.state === "unknown" && <UnknownKey hostKey={hostKey} from={from} onTrust={onTrust} />}
      <ol className="check-steps">
        {check.steps.map((step) => (
          <Step key={step.name} step={step} isAnswered={step.name === "host-key" && hostKey?.state === "unknown"} />
        ))}
      </ol>
    </>
  );
}

const MARKS: Record<CheckStep["state"], { icon: IconName; word: string }> = {
  ok: { icon: "check", word: "ok" },
  warning: { icon: "warning", word: "warning" },
  failed: { icon: "close", word: "failed" },
  skipped: { icon: "skip", word: "not reached" },
};

/** @param props.isAnswered what to do about it stands elsewhere. */
function Step({ step, isAnswered }: { step: CheckStep; isAnswered: boolean }) {
  const { icon, word } = MARKS[step.state];
  return (
    <li className={step.state} data-step={step.name}>
      <span className="step-mark">
        <Icon name={icon} />
        <span className="sr-only">{word}:</span>
      </span>
      <span className="step-name">{stepName(step.name)}</span>
      <span className="muted small figures-text step-time">{spentWord(step.ms)}</span>
      {step.state !== "skipped" && <span className="step-detail">{isAnswered ? "Not known yet: see above." : step.detail}</span>}
      {step.state !== "ok" && step.hint !== undefined && !isAnswered && (
        <span className="step-hint">
          {step.hint} {step.code !== undefined && <code className="muted">{step.code}</code>}
        </span>
      )}
    </li>
  );
}

type HostKey = NonNullable<HostCheck["hostKey"]>;

function UnknownKey({ hostKey, from, onTrust }: { hostKey: HostKey; from: string; onTrust: CheckResultProps["onTrust"] }) {
  return (
    <div className="check-key stack tight">
      <p>
        {from} has not met this machine before. Its <span className="mono">{hostKey.type}</span> key is
      </p>
      <CopyLine text={hostKey.sha256} label="Fingerprint of the host key" />
      <p className="muted small">
        It should be what this prints on the machine itself: <code>ssh-keygen -lf {publicKeyFile(hostKey.type)}</code>
      </p>
      {onTrust === undefined ? (
        <p className="muted small">An owner of the fleet can trust it.</p>
      ) : (
        <div>
          <button type="button" className="button primary" onClick={() => onTrust(hostKey.sha256)}>
            <Icon name="lock" /> Trust this key
          </button>
        </div>
      )}
    </div>
  );
}
