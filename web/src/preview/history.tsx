import { useState } from 'react';

import type { HistoryEntry } from '../api/wire';
import { productName } from '../format';
import { useWords } from '../i18n/i18n';
import { interactionLook } from '../live/kinds';

/** What fits beside a slate; the rest is one press away. */
const ENTRIES_SHOWN = 10;

export function HistoryPanel({ history, now }: { history: readonly HistoryEntry[]; now: Date }) {
  const { t, format } = useWords();
  const [all, setAll] = useState(false);
  return (
    <section className="history" aria-labelledby="history-heading">
      <h3 id="history-heading">{t('history.heading')}</h3>
      {history.length === 0 ? (
        <p className="muted history-empty">{t('history.empty')}</p>
      ) : (
        <ol className="history-list" aria-labelledby="history-heading">
          {(all ? history : history.slice(0, ENTRIES_SHOWN)).map((entry) => (
            <Entry key={`${entry.product_id} ${entry.interaction_type}`} entry={entry} now={now} />
          ))}
        </ol>
      )}
      {history.length > ENTRIES_SHOWN && (
        <button type="button" className="history-more" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? t('history.less') : t('history.all', { n: format.integer(history.length) })}
        </button>
      )}
    </section>
  );
}

function Entry({ entry, now }: { entry: HistoryEntry; now: Date }) {
  const { t, word, format } = useWords();
  const { Icon, tone } = interactionLook(entry.interaction_type);
  const name = productName(entry.name, entry.product_id);
  return (
    <li className="history-entry">
      <span className={`glyph tone-${tone}`}>
        <Icon />
      </span>
      <span className="history-what">
        <span className="history-name" title={name}>
          {name}
        </span>
        <span className="muted">
          {word('interaction', entry.interaction_type ?? 'impression')}
          {entry.count > 1 && ` ${t('history.count', { n: format.integer(entry.count) })}`}
          {' · '}
          <time dateTime={entry.last_at} title={format.moment(entry.last_at)}>
            {format.ago(entry.last_at, now)}
          </time>
        </span>
      </span>
      {entry.price != null && <span className="number history-price">{format.money(entry.price)}</span>}
    </li>
  );
}
