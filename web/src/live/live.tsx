import { memo } from 'react';

import type { CommittedEvent } from '../api/wire';
import { productName, shortUser } from '../format';
import { useWords } from '../i18n/i18n';
import { Pause, Play } from '../ui/icons';
import { KINDS, kindLook } from './kinds';
import { visibleRows } from './rows';
import type { Stream } from './stream';

interface Props {
  stream: Stream;
  /** How many of each kind the log holds. */
  byKind: Record<string, number>;
  /** The pseudonym that the preview shows. */
  selected: string | null;
  onUser(user: string): void;
  now: Date;
}

export function LivePanel({ stream, byKind, selected, onUser, now }: Props) {
  const { t } = useWords();
  const rows = visibleRows(stream.rows);
  return (
    <section className="panel live" aria-labelledby="live-heading">
      <header className="panel-head">
        <h2 id="live-heading">{t('live.heading')}</h2>
        <ConnectionState stream={stream} />
        <PauseButton stream={stream} />
      </header>
      <div className="panel-tools">
        <KindFilter stream={stream} byKind={byKind} />
      </div>
      <div className="live-scroll" tabIndex={0} role="region" aria-label={t('live.caption')}>
        {rows.length > 0 ? (
          <table className="live-table">
            <caption className="sr-only">{t('live.caption')}</caption>
            <thead>
              <tr>
                <th scope="col">{t('live.event')}</th>
                <th scope="col">{t('live.user')}</th>
                <th scope="col">{t('live.time')}</th>
              </tr>
            </thead>
            <tbody>
              {rows.map((event) => (
                <EventRow
                  key={event.position}
                  event={event}
                  isFresh={event.position > stream.rows.settledPosition}
                  isSelected={event.user === selected}
                  onUser={onUser}
                  day={dayOf(now)}
                />
              ))}
            </tbody>
          </table>
        ) : (
          <Empty filtered={stream.rows.kind !== null && stream.rows.rows.length > 0} />
        )}
      </div>
    </section>
  );
}

function ConnectionState({ stream }: { stream: Stream }) {
  const { t } = useWords();
  const paused = stream.rows.paused && stream.state === 'open';
  const state = paused ? 'paused' : stream.state;
  return (
    <span className={`pulse pulse-${state}`} role="status" data-stream={state}>
      {t(`live.state.${state}`)}
    </span>
  );
}

function PauseButton({ stream }: { stream: Stream }) {
  const { t, count } = useWords();
  const { paused, waitingTotal } = stream.rows;
  return (
    <button type="button" className="button" onClick={() => stream.dispatch({ type: paused ? 'resumed' : 'paused' })}>
      {paused ? <Play /> : <Pause />}
      {paused ? t('live.resume') : t('live.pause')}
      {paused && waitingTotal > 0 && <span className="count">{count('live.waiting', waitingTotal)}</span>}
    </button>
  );
}

function KindFilter({ stream, byKind }: { stream: Stream; byKind: Record<string, number> }) {
  const { t, word, format } = useWords();
  const seen = new Set(stream.rows.rows.map((event) => event.kind));
  const kinds = [...new Set([...Object.keys(KINDS), ...Object.keys(byKind), ...seen])];
  // What the shop has most of comes first; what it never had is left out unless it is chosen.
  const offered = kinds
    .filter((kind) => (byKind[kind] ?? 0) > 0 || seen.has(kind) || kind === stream.rows.kind)
    .sort((a, b) => (byKind[b] ?? 0) - (byKind[a] ?? 0));
  return (
    <label className="field field-wide">
      <span className="sr-only">{t('live.filter')}</span>
      <select
        value={stream.rows.kind ?? ''}
        onChange={(change) => stream.dispatch({ type: 'filtered', kind: change.target.value || null })}
      >
        <option value="">{t('live.filter.all')}</option>
        {offered.map((kind) => (
          <option key={kind} value={kind}>
            {word('kind', kind)} ({format.integer(byKind[kind] ?? 0)})
          </option>
        ))}
      </select>
    </label>
  );
}

interface RowProps {
  event: CommittedEvent;
  isFresh: boolean;
  isSelected: boolean;
  onUser(user: string): void;
  /** Changes at midnight, when the rows must say their date. */
  day: number;
}

const EventRow = memo(function EventRow({ event, isFresh, isSelected, onUser, day }: RowProps) {
  const { t, count, word, format } = useWords();
  const { Icon, tone } = kindLook(event.kind);
  const [first, ...others] = event.products ?? [];
  const amount = event.order_total ?? (others.length === 0 ? first?.price : null);
  return (
    // The whole row can be clicked for convenience; the button in it is what keyboards and screen readers use.
    <tr className={isFresh ? 'fresh' : undefined} data-selected={isSelected || undefined} data-position={event.position} onClick={() => onUser(event.user)}>
      <td className="live-event">
        <span className={`glyph tone-${tone}`}>
          <Icon />
        </span>
        <span className="live-what">
          <span className="live-kind">{word('kind', event.kind)}</span>
          {first && (
            <span className="live-product">
              {productName(first.name, first.product_id)}
              {(first.quantity ?? 1) > 1 && ` ${t('live.quantity', { n: format.integer(first.quantity ?? 1) })}`}
              {others.length > 0 && ` ${count('live.more_products', others.length)}`}
            </span>
          )}
        </span>
      </td>
      <td className="live-user">
        <button
          type="button"
          className="user-link"
          aria-label={t('live.open_user', { user: shortUser(event.user) })}
          aria-pressed={isSelected}
          onClick={(click) => {
            click.stopPropagation();
            onUser(event.user);
          }}
        >
          {shortUser(event.user)}
        </button>
      </td>
      <td className="live-when">
        <time dateTime={event.occurred_at} title={format.moment(event.occurred_at)}>
          {format.clock(event.occurred_at, new Date(day))}
        </time>
        {amount != null && <span className="live-amount">{format.money(amount)}</span>}
      </td>
    </tr>
  );
});

/** The moment rounded down to a quarter of an hour: days begin on one in every time zone. */
function dayOf(now: Date): number {
  const QUARTER_MS = 900_000;
  return Math.floor(now.getTime() / QUARTER_MS) * QUARTER_MS;
}

function Empty({ filtered }: { filtered: boolean }) {
  const { t } = useWords();
  return (
    <div className="empty">
      {filtered ? (
        <p>{t('live.empty.filtered')}</p>
      ) : (
        <>
          <p className="empty-title">{t('live.empty.title')}</p>
          <p>{t('live.empty.text')}</p>
        </>
      )}
    </div>
  );
}
