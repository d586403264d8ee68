import { getContents } from '../api/client';
import { useAnswer } from '../api/use-answer';
import type { ContentRow } from '../api/wire';
import { NOTHING } from '../format';
import { useWords } from '../i18n/i18n';
import { Command } from '../ui/command';
import { Bones, Failure } from '../ui/failure';
import { activityAt } from './draft';
import { targetWords } from './sentence';

const EVERY_MS = 15_000;
const COLUMNS = ['title', 'kind', 'schedule', 'budget', 'impressions', 'clicks', 'ctr'] as const;
const NUMBERS: readonly string[] = ['impressions', 'clicks', 'ctr'];

/** Banners, promotions, messages, and what came of each. */
export function Contents({ now }: { now: Date }) {
  const { t } = useWords();
  const view = useAnswer(getContents, EVERY_MS);
  return (
    <section className="panel report-main" aria-labelledby="contents-heading" aria-busy={view.answer === null}>
      <header className="panel-head">
        <h3 id="contents-heading">{t('contents.heading')}</h3>
      </header>
      {view.failure && <Failure failure={view.failure} onRetry={view.again} />}
      {view.answer?.length === 0 && (
        <div className="empty">
          <p className="empty-title">{t('contents.none.title')}</p>
          <p>
            <Command text={t('contents.none.todo')} command="POST /v1/content" />
          </p>
        </div>
      )}
      {view.answer && view.answer.length > 0 && (
        <table className="rows contents">
          <caption className="sr-only">{t('contents.heading')}</caption>
          <thead>
            <tr>
              {COLUMNS.map((name) => (
                <th key={name} scope="col" className={NUMBERS.includes(name) ? 'number' : undefined}>
                  {t(`contents.${name}`)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {view.answer.map((content) => (
              <Row key={content.content_id} content={content} now={now} />
            ))}
          </tbody>
        </table>
      )}
      {!view.answer && !view.failure && <Bones />}
    </section>
  );
}

function Row({ content, now }: { content: ContentRow; now: Date }) {
  const words = useWords();
  const { t, word, count, format, language } = words;
  const { title, target, budget, impressions, clicks } = content;
  const activity = activityAt(content.active, target.schedule, format.wallClock(now));
  const budgets = [
    budget.impressions !== undefined && count('contents.budget.impressions', budget.impressions),
    budget.clicks !== undefined && count('contents.budget.clicks', budget.clicks),
    budget.per_user_per_day !== undefined && t('contents.budget.per_user_per_day', { n: format.integer(budget.per_user_per_day) }),
  ].filter((text) => text !== false);
  const label = (name: (typeof COLUMNS)[number]) => t(`contents.${name}`);
  return (
    <tr data-content={content.content_id}>
      <th scope="row">
        <span className="row-name">{(language === 'en' && title.en) || title.es}</span>
        <span className="row-id mono">{content.content_id}</span>
      </th>
      <td>{word('content', content.kind)}</td>
      <td>
        {t(`activity.${activity}`)}
        <span className="row-id">{targetWords(target, words).join(', ')}</span>
      </td>
      <td>{budgets.length > 0 ? format.list(budgets) : t('contents.budget.none')}</td>
      <td className="number" data-label={label('impressions')}>
        {format.integer(impressions)}
      </td>
      <td className="number" data-label={label('clicks')}>
        {format.integer(clicks)}
      </td>
      <td className="number" data-label={label('ctr')}>
        {impressions > 0 ? format.percent(clicks / impressions) : NOTHING}
      </td>
    </tr>
  );
}
