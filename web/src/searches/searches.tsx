import { useCallback, useState, type RefObject } from 'react';

import { getQueries } from '../api/client';
import { useAnswer } from '../api/use-answer';
import type { QueryKind, SearchedFor } from '../api/wire';
import { useWords } from '../i18n/i18n';
import { Bones, Failure } from '../ui/failure';
import { recall, remember } from '../ui/memory';
import { Bar } from '../ui/plots';
import { DAYS, queryRows, type Days } from './queries';

const LISTED = 20;
const LISTED_MAX = 500;
const EVERY_MS = 15_000;

export function SearchesPage({ heading }: { heading: RefObject<HTMLHeadingElement | null> }) {
  const { t, count } = useWords();
  const [days, setDays] = useState<Days>(() => recall('days', DAYS, '7'));
  const change = (next: Days) => {
    setDays(next);
    remember('days', next);
  };
  return (
    <>
      <header className="page-head">
        <h2 id="searches-heading" tabIndex={-1} ref={heading}>
          {t('searches.heading')}
        </h2>
        <div className="segments" role="group" aria-label={t('searches.days')}>
          {DAYS.map((n) => (
            <button key={n} type="button" aria-pressed={n === days} onClick={() => change(n)}>
              {n === '1' ? t('searches.today') : count('searches.last', Number(n))}
            </button>
          ))}
        </div>
      </header>
      <div className="pair">
        <Queries kind="zero" days={Number(days)} />
        <Queries kind="top" days={Number(days)} />
      </div>
    </>
  );
}

function Queries({ kind, days }: { kind: QueryKind; days: number }) {
  const { t } = useWords();
  const [n, setN] = useState(LISTED);
  const ask = useCallback((signal: AbortSignal) => getQueries(kind, days, n, signal), [kind, days, n]);
  const view = useAnswer(ask, EVERY_MS);
  const title = `queries-${kind}`;
  const listed = view.answer;
  // Other days are another list, and not this one a moment ago.
  const stale = view.busy && listed !== null && listed.days !== days;
  return (
    <section className="panel" aria-labelledby={title} aria-busy={listed === null || stale} data-queries={kind}>
      <header className="panel-head">
        <h3 id={title}>{t(`queries.${kind}`)}</h3>
      </header>
      <p className="report-note muted">{t(`queries.${kind}.about`)}</p>
      {view.failure && <Failure failure={view.failure} onRetry={view.again} />}
      {listed ? (
        <>
          <List kind={kind} listed={listed} stale={stale} />
          <Withheld listed={listed} />
          {n < LISTED_MAX && listed.queries.length >= n && (
            <button type="button" className="history-more" onClick={() => setN(LISTED_MAX)}>
              {t('queries.more')}
            </button>
          )}
        </>
      ) : (
        !view.failure && <Bones />
      )}
    </section>
  );
}

function List({ kind, listed, stale }: { kind: QueryKind; listed: SearchedFor; stale: boolean }) {
  const { t, count, format } = useWords();
  if (listed.queries.length === 0) {
    return (
      <div className="empty">
        <p className="empty-title">{t(`queries.${kind}.none`)}</p>
        <p>{t(`queries.${kind}.none.text`)}</p>
      </div>
    );
  }
  return (
    <table className="rows queries" data-stale={stale || undefined}>
      <caption className="sr-only">{t(`queries.${kind}.about`)}</caption>
      <thead>
        <tr>
          <th scope="col">{t('queries.query')}</th>
          <th scope="col" className="number">
            {t(kind === 'zero' ? 'queries.in_vain' : 'queries.searches')}
          </th>
          <th scope="col" className="number">
            {t('queries.last_seen')}
          </th>
        </tr>
      </thead>
      <tbody>
        {queryRows(kind, listed.queries).map((row) => (
          <tr key={row.query} data-query={row.query}>
            <th scope="row">
              <span className="row-name">{row.query}</span>
              <Bar parts={row.parts} />
            </th>
            <td className="number">
              {format.integer(row.n)}
              {kind === 'top' && row.inVain > 0 && <span className="row-note">{count('queries.of_these_in_vain', row.inVain)}</span>}
            </td>
            <td className="number muted">
              <time dateTime={row.lastSeen}>{format.day(row.lastSeen)}</time>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** A query is a person's words: what too few asked is counted and not told. */
function Withheld({ listed }: { listed: SearchedFor }) {
  const { t, count, format } = useWords();
  const min = format.integer(listed.users_min);
  return (
    <p className="report-foot muted" data-withheld={listed.withheld}>
      {listed.withheld === 0 ? t('queries.withheld.none', { min }) : count('queries.withheld', listed.withheld, { min })}
    </p>
  );
}
