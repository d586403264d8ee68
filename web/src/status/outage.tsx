import { useWords } from '../i18n/i18n';
import { Command } from '../ui/command';
import { Alert } from '../ui/icons';
import type { StatusView } from './use-status';

/** What is wrong and what to do, while the server does not answer. */
export function Outage({ view, now }: { view: StatusView; now: Date }) {
  const { t, format } = useWords();
  // The alert exists from the start, so that a screen reader notices when it fills.
  return (
    <div role="alert">
      {view.failure && (
        <div className="outage">
          <Alert />
          <div className="outage-text">
            <strong>{view.failure.error ? t('error.refused.title') : t('error.unreachable.title')}</strong>{' '}
            {view.failure.error ? (
              <span>
                {view.failure.error.message} {view.failure.error.problem.code && `(${t('error.code', { code: view.failure.error.problem.code })})`}
              </span>
            ) : (
              <Command text={t('error.unreachable.todo', { origin: location.origin })} command="vitrina" />
            )}{' '}
            {view.readAt && t('error.stale', { ago: format.ago(view.readAt.toISOString(), now) })}{' '}
            <span aria-live="off">
              {t('error.retry_in', { seconds: Math.max(0, Math.ceil((view.failure.retryAt.getTime() - now.getTime()) / 1000)) })}
            </span>
          </div>
          <button type="button" className="button" onClick={view.retry}>
            {t('error.retry')}
          </button>
        </div>
      )}
    </div>
  );
}
