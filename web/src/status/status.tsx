import { useEffect, useRef, type ReactNode } from 'react';

import type { Content, Model, Status } from '../api/wire';
import { useWords } from '../i18n/i18n';
import { NOTHING } from '../format';
import { Command } from '../ui/command';
import { Chevron } from '../ui/icons';
import { contentState } from './content';
import { readMetrics, type Headline, type ModelMetrics } from './metrics';
import { Sparkline } from './sparkline';
import type { StatusView } from './use-status';

/** The line grows from the right edge until it fills the box, then it runs. */
const SPARK_SLOTS_MIN = 16;

export function StatusPanel({ view, now }: { view: StatusView; now: Date }) {
  const { t } = useWords();
  return (
    <section className="panel status" aria-labelledby="status-heading" aria-busy={!view.status}>
      <h2 id="status-heading" className="sr-only">
        {t('status.heading')}
      </h2>
      {view.status ? (
        <dl className="facts" data-stale={view.failure !== null || undefined}>
          <Facts status={view.status} samples={view.samples} now={now} />
        </dl>
      ) : (
        <Placeholder failed={view.failure !== null} />
      )}
    </section>
  );
}

function Facts({ status, samples, now }: { status: Status; samples: readonly number[]; now: Date }) {
  const { t, count, format } = useWords();
  return (
    <>
      <Fact
        name="products"
        label={t('status.products')}
        value={format.integer(status.products)}
        note={status.content && <ContentNote content={status.content} />}
      />
      <Fact name="users" label={t('status.users')} value={format.integer(status.users)} />
      <EventsFact status={status} samples={samples} />
      <FreshnessFact status={status} />
      {status.revenue_today != null && (
        <Fact name="revenue" label={t('status.revenue')} value={format.money(status.revenue_today)} note={status.orders_today === undefined ? null : count('status.orders', status.orders_today)} />
      )}
      <ServingFact status={status} />
      <ModelFact model={status.model} now={now} />
    </>
  );
}

/** How far the text encoder is; with none, words alone say which products are alike. */
function ContentNote({ content }: { content: Content }) {
  const { t, format } = useWords();
  const { state, done, of } = contentState(content);
  if (state === 'none') return null;
  return (
    <span className={state === 'encoded' ? 'dot dot-good' : state === 'encoding' ? 'dot dot-warn' : 'dot dot-none'} title={content.problem ?? content.encoder}>
      {t(`status.content.${state}`, { done: format.integer(done), of: format.integer(of) })}
    </span>
  );
}

interface FactProps {
  name: string;
  label: string;
  value: ReactNode;
  note?: ReactNode;
  children?: ReactNode;
}

function Fact({ name, label, value, note, children }: FactProps) {
  return (
    <div className={`fact fact-${name}`}>
      <dt>{label}</dt>
      <dd className="fact-value" data-fact={name}>
        {value}
      </dd>
      {note != null && <dd className="fact-note">{note}</dd>}
      {children}
    </div>
  );
}

function EventsFact({ status, samples }: { status: Status; samples: readonly number[] }) {
  const { t, format } = useWords();
  const rate = status.events.per_second;
  const label = t('status.sparkline', {
    n: samples.length,
    min: format.decimal(Math.min(...samples)),
    max: format.decimal(Math.max(...samples)),
    now: format.decimal(rate),
  });
  return (
    <Fact
      name="events"
      label={t('status.events')}
      value={format.integer(status.events.total)}
      note={t('status.per_second', { rate: format.decimal(rate) })}
    >
      <dd className="fact-chart">
        <Sparkline samples={samples} slots={Math.max(SPARK_SLOTS_MIN, samples.length)} label={label} />
      </dd>
    </Fact>
  );
}

function FreshnessFact({ status }: { status: Status }) {
  const { t, count, format } = useWords();
  const freshness = status.freshness;
  const age = freshness?.newest_event_age_seconds ?? null;
  const behind = freshness ? Math.max(0, freshness.log_head - freshness.folded_position) : 0;
  return (
    <Fact
      name="freshness"
      label={t('status.freshness')}
      value={age === null ? NOTHING : format.secondsAgo(age)}
      note={
        age === null ? (
          t('status.freshness.none')
        ) : (
          <span className={behind === 0 ? 'dot dot-good' : 'dot dot-warn'}>
            {behind === 0 ? t('status.freshness.current') : count('status.freshness.behind', behind)}
          </span>
        )
      }
    />
  );
}

function ServingFact({ status }: { status: Status }) {
  const { t, count, format } = useWords();
  const serving = status.serving;
  if (!serving || serving.p50_ms === null || serving.requests === 0) {
    return <Fact name="serving" label={t('status.serving')} value={NOTHING} note={t('status.serving.none')} />;
  }
  const notes = [
    serving.p99_ms === null ? null : t('status.serving.p99', { value: format.milliseconds(serving.p99_ms) }),
    serving.fallback_share === null
      ? count('status.serving.requests', serving.requests)
      : t('status.serving.fallback', { share: format.percent(serving.fallback_share) }),
  ];
  return (
    <Fact
      name="serving"
      label={t('status.serving')}
      value={
        <>
          {format.milliseconds(serving.p50_ms)} <small>{t('status.serving.p50')}</small>
        </>
      }
      note={notes.filter((note) => note !== null).join(' · ')}
    />
  );
}

function ModelFact({ model, now }: { model: Model | null; now: Date }) {
  const { t, format } = useWords();
  if (!model) {
    return (
      <Fact
        name="model"
        label={t('status.model')}
        value={<span className="fact-none">{t('status.model.none')}</span>}
        note={<Command text={t('status.model.todo')} command="vitrina train" />}
      />
    );
  }
  const metrics = readMetrics(model.metrics);
  const first = metrics.headline;
  return (
    <Fact
      name="model"
      label={t('status.model')}
      value={
        first ? (
          <>
            {format.decimal(first.value)} <small>{first.name}</small> <Interval headline={first} />
          </>
        ) : (
          <span className="fact-version">{model.version}</span>
        )
      }
      note={
        <>
          <span title={format.moment(model.created_at)}>{t('status.model.trained', { ago: format.ago(model.created_at, now) })}</span>
          {' · '}
          {model.models.join(', ')}
        </>
      }
    >
      <dd>
        <ModelDetails model={model} metrics={metrics} />
      </dd>
    </Fact>
  );
}

function Interval({ headline }: { headline: Headline }) {
  const { t, format } = useWords();
  if (!headline.interval) return null;
  const [low, high] = headline.interval;
  return (
    <small className="interval" title={t('status.model.interval')}>
      [{format.decimal(low)} – {format.decimal(high)}]
    </small>
  );
}

/** Everything about the model, in a panel that closes with Escape or a click elsewhere. */
function ModelDetails({ model, metrics }: { model: Model; metrics: ModelMetrics }) {
  const { t, format } = useWords();
  const details = useRef<HTMLDetailsElement>(null);
  useEffect(() => {
    const close = (event: Event) => {
      const box = details.current;
      if (!box?.open) return;
      if (event instanceof KeyboardEvent) {
        if (event.key !== 'Escape') return;
        box.querySelector('summary')?.focus();
      } else if (event.target instanceof Node && box.contains(event.target)) return;
      box.open = false;
    };
    document.addEventListener('keydown', close);
    document.addEventListener('pointerdown', close);
    return () => {
      document.removeEventListener('keydown', close);
      document.removeEventListener('pointerdown', close);
    };
  }, []);
  return (
    <details className="model-details" ref={details}>
      <summary aria-label={t('status.model.details')} title={t('status.model.details')}>
        <Chevron />
      </summary>
      <div className="popover">
        <table className="plain">
          <caption className="sr-only">{t('status.model.details')}</caption>
          <tbody>
            <Row label={t('status.model.version')} value={<code>{model.version}</code>} />
            <Row label={t('status.model.trained_at')} value={format.moment(model.created_at)} />
            <Row label={t('status.model.position')} value={format.integer(model.log_position)} />
            <Row label={t('status.model.models')} value={model.models.join(', ')} />
          </tbody>
        </table>
        {metrics.rows.length > 0 && <MetricTable metrics={metrics} />}
        {metrics.headline && metrics.rivals.length > 0 && <RivalTable headline={metrics.headline} metrics={metrics} />}
      </div>
    </details>
  );
}

function MetricTable({ metrics }: { metrics: ModelMetrics }) {
  const { t, format } = useWords();
  return (
    <table className="plain">
      <caption className="sr-only">{t('status.model.caption')}</caption>
      <thead>
        <tr>
          <th scope="col">{t('status.model.metric')}</th>
          {metrics.ks.map((k) => (
            <th key={k} scope="col" className="number">
              @{k}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {metrics.rows.map(({ name, values }) => (
          <tr key={name}>
            <th scope="row">{name.replaceAll('_', ' ')}</th>
            {values.map((value, i) => (
              <td key={metrics.ks[i]} className="number">
                {value === null ? NOTHING : format.decimal(value)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

const BAR_WIDTH = 100;

function RivalTable({ headline, metrics }: { headline: Headline; metrics: ModelMetrics }) {
  const { t, format } = useWords();
  const entries = [{ model: t('status.model.this'), value: headline.value }, ...metrics.rivals].sort((a, b) => b.value - a.value);
  const best = Math.max(...entries.map((entry) => entry.value), Number.EPSILON);
  return (
    <table className="plain rivals">
      <caption>{t('status.model.rivals', { metric: headline.name })}</caption>
      <tbody>
        {entries.map(({ model, value }) => (
          <tr key={model}>
            <th scope="row">{model}</th>
            <td className="rivals-bar">
              <svg viewBox={`0 0 ${BAR_WIDTH} 6`} preserveAspectRatio="none" aria-hidden="true">
                <rect className="bar-track" width={BAR_WIDTH} height="6" />
                <rect className="bar-fill" width={(Math.max(0, value) / best) * BAR_WIDTH} height="6" />
              </svg>
            </td>
            <td className="number">{format.decimal(value)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Row({ label, value }: { label: string; value: ReactNode }) {
  return (
    <tr>
      <th scope="row">{label}</th>
      <td>{value}</td>
    </tr>
  );
}

function Placeholder({ failed }: { failed: boolean }) {
  const { t } = useWords();
  return (
    <div className="facts" role="status">
      <span className="sr-only">{failed ? t('status.offline') : t('status.loading')}</span>
      {['products', 'users', 'events', 'freshness', 'revenue', 'serving', 'model'].map((name) => (
        <div key={name} className={`fact fact-${name}`} aria-hidden="true">
          <span className={failed ? 'bone bone-short bone-still' : 'bone bone-short'} />
          <span className={failed ? 'bone bone-still' : 'bone'} />
        </div>
      ))}
    </div>
  );
}
