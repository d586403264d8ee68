import { useId, useLayoutEffect, useRef, type ReactNode } from 'react';

import { useAction } from '../api/use-action';
import { useWords } from '../i18n/i18n';
import { Failure, isOvertaken } from './failure';

interface Props {
  title: string;
  /** What will be. */
  children: ReactNode;
  /** The word on the button that does it. */
  action: string;
  act(): Promise<unknown>;
  /** It is done, or what was on show is no longer so. */
  onDone(): void;
  onCancel(): void;
}

/** Asks before it does. The browser keeps the focus inside, and gives it back; Escape cancels. */
export function Confirm({ title, children, action, act, onDone, onCancel }: Props) {
  const { t } = useWords();
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  const { busy, failure, run } = useAction();
  // Closed before it is taken out, or the focus would have no way back.
  useLayoutEffect(() => {
    const opened = dialog.current;
    opened?.showModal();
    return () => opened?.close();
  }, []);
  const go = async () => {
    if (await run(act)) onDone();
  };
  return (
    <dialog ref={dialog} className="dialog" aria-labelledby={heading} onCancel={onCancel}>
      <h3 id={heading}>{title}</h3>
      <div className="dialog-text">{children}</div>
      {failure && <Failure failure={failure} onRetry={isOvertaken(failure) ? onDone : () => void go()} />}
      <div className="dialog-buttons">
        <button type="button" className="button" onClick={onCancel}>
          {t('confirm.cancel')}
        </button>
        <button type="button" className="button button-primary" disabled={busy} onClick={() => void go()}>
          {action}
        </button>
      </div>
    </dialog>
  );
}
