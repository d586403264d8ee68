import type { Failed } from '../api/use-answer';
import { useWords } from '../i18n/i18n';
import { Command } from './command';
import { Alert } from './icons';

/** Somebody else changed or removed it meanwhile: trying again would not help, reading again does. */
export function isOvertaken(failure: Failed): boolean {
  return failure !== 'unreachable' && (failure.status === 412 || failure.status === 404);
}

/** What went wrong and what to do about it. */
export function Failure({ failure, onRetry }: { failure: Failed; onRetry(): void }) {
  const { t } = useWords();
  const overtaken = isOvertaken(failure);
  return (
    <div className="outage" role="alert">
      <Alert />
      <div className="outage-text">
        {failure === 'unreachable' ? (
          <>
            <strong>{t('error.unreachable.title')}</strong>{' '}
            <Command text={t('error.unreachable.todo', { origin: location.origin })} command="vitrina" />
          </>
        ) : overtaken ? (
          <>
            <strong>{t('error.overtaken.title')}</strong> {t('error.overtaken.todo')}
          </>
        ) : (
          <>
            <strong>{t('error.refused.title')}</strong> {failure.message}
            {failure.problem.code && ` (${t('error.code', { code: failure.problem.code })})`}
          </>
        )}
      </div>
      <button type="button" className="button" onClick={onRetry}>
        {t(overtaken ? 'error.reload' : 'error.retry')}
      </button>
    </div>
  );
}

/** Where rows will stand. */
export function Bones() {
  return (
    <div className="bones" aria-hidden="true">
      {Array.from({ length: 6 }, (_, i) => (
        <span key={i} className="bone bone-row" />
      ))}
    </div>
  );
}
