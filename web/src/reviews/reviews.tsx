import { type ReactNode, type RefObject } from 'react';

import { getReviews } from '../api/client';
import { useAnswer } from '../api/use-answer';
import type { CommittedEvent, Notice, ReviewsState, SentimentHead, Status } from '../api/wire';
import { useWords } from '../i18n/i18n';
import { Command } from '../ui/command';
import { Bones, Failure } from '../ui/failure';
import { Bar, Ring } from '../ui/plots';
import { gain } from './aspects';
import { ProductLookup } from './lookup';

const EVERY_MS = 5_000;

interface Props {
  heading: RefObject<HTMLHeadingElement | null>;
  status: Status | null;
  events: readonly CommittedEvent[];
}

export function ReviewsPage({ heading, status, events }: Props) {
  const { t } = useWords();
  const view = useAnswer(getReviews, EVERY_MS);
  const state = view.answer;
  return (
    <>
      {view.failure && <Failure failure={view.failure} onRetry={view.again} />}
      <div className="report">
        <section className="panel report-side" aria-labelledby="reviews-heading" aria-busy={state === null}>
          <header className="panel-head">
            <h2 id="reviews-heading" tabIndex={-1} ref={heading}>
              {t('reviews.heading')}
            </h2>
            {state?.running && (
              <span className="pulse pulse-connecting" role="status">
                {t('reviews.running')}
              </span>
            )}
          </header>
          {state ? <State state={state} head={status?.events.head_position ?? null} /> : !view.failure && <Bones />}
        </section>
        <ProductLookup events={events} />
      </div>
    </>
  );
}

function State({ state, head }: { state: ReviewsState; head: number | null }) {
  const { t, format } = useWords();
  const unread = head === null || state.seen_position === 0 ? 0 : Math.max(0, head - state.seen_position);
  return (
    <>
      {state.step && <Step step={state.step} />}
      <Notices notices={state.notices} />
      {state.head ? <Head head={state.head} /> : <NoHead state={state} />}
      {state.seen_position > 0 && (
        <>
          <dl className="figures">
            <Figure label={t('reviews.read')} value={format.integer(state.n_reviews)} />
            <Figure label={t('reviews.products')} value={format.integer(state.n_products)} />
            {state.sentiment !== null && (
              <Figure wide label={t('reviews.sentiment')} value={format.wholePercent(state.sentiment)} about={t('reviews.sentiment.about')}>
                <Bar parts={[{ share: state.sentiment, className: 'fill-green' }]} />
              </Figure>
            )}
          </dl>
          <p className="report-foot muted">
            {unread === 0 ? t('reviews.up_to_date') : <Unread n={unread} />}
          </p>
        </>
      )}
    </>
  );
}

function Unread({ n }: { n: number }) {
  const { count } = useWords();
  return <Command text={count('reviews.unread', n)} command="vitrina reviews" />;
}

function Step({ step }: { step: NonNullable<ReviewsState['step']> }) {
  const { word, format } = useWords();
  return (
    <div className="report-note">
      <p>
        {word('reviews.step', step.name.replaceAll(' ', '_'))}{' '}
        <span className="muted number">
          {format.integer(step.done)} / {format.integer(step.of)}
        </span>
      </p>
      <Bar parts={[{ share: step.of > 0 ? step.done / step.of : 0, className: 'bar-fill' }]} />
    </div>
  );
}

export function Notices({ notices }: { notices: readonly Notice[] }) {
  const { word } = useWords();
  return notices.map((notice) => (
    <p key={notice.code} className="notice" title={notice.detail} data-notice={notice.code}>
      {word('reviews.notice', notice.code)}
    </p>
  ));
}

function NoHead({ state }: { state: ReviewsState }) {
  const { t } = useWords();
  if (state.running) return null;
  return (
    <div className="empty">
      <p className="empty-title">{t('reviews.none.title')}</p>
      <p>
        <Command text={t('reviews.none.todo')} command="vitrina reviews" />
      </p>
    </div>
  );
}

function Head({ head }: { head: SentimentHead }) {
  const { t, count, format } = useWords();
  const learned = head.n_positive + head.n_negative;
  const positive = learned > 0 ? head.n_positive / learned : 0;
  const better = gain(head.log_loss, head.base_log_loss);
  return (
    <>
      <div className="summary">
        <Ring share={head.accuracy} text={format.wholePercent(head.accuracy)} className="ring-good" />
        <div>
          <p className="summary-title">
            <span className="sr-only">{format.wholePercent(head.accuracy)} </span>
            {t('head.accuracy')}
          </p>
          <p className="muted">{t('head.accuracy.about')}</p>
        </div>
      </div>
      <div className="report-note">
        <p>{count('head.learned', learned)}</p>
        <Bar
          parts={[
            { share: positive, className: 'fill-green' },
            { share: 1 - positive, className: 'fill-red' },
          ]}
        />
        <p className="ends muted">
          <span>{count('head.positive', head.n_positive)}</span>
          <span>{count('head.negative', head.n_negative)}</span>
        </p>
      </div>
      <dl className="figures">
        <Figure label={t('head.macro_f1')} value={format.decimal(head.macro_f1)} about={t('head.macro_f1.about')}>
          <Bar parts={[{ share: head.macro_f1, className: 'bar-fill' }]} />
        </Figure>
        <Figure label={t('head.gain')} value={format.wholePercent(better)} about={t('head.gain.about', { loss: format.decimal(head.log_loss), base: format.decimal(head.base_log_loss) })}>
          <Bar parts={[{ share: better, className: 'bar-fill' }]} />
        </Figure>
        <Figure label={t('head.ece')} value={format.decimal(head.ece)} about={t('head.ece.about')} />
        <Figure label={t('head.brier')} value={format.decimal(head.brier)} about={t('head.brier.about')} />
      </dl>
      <p className="report-note muted">
        {t(head.reads === 'tf-idf' ? 'head.reads_words' : 'head.reads')} {head.reads !== 'tf-idf' && <code className="wrap">{head.reads}</code>}
      </p>
    </>
  );
}

interface FigureProps {
  label: string;
  value: string;
  about?: string;
  wide?: boolean;
  children?: ReactNode;
}

function Figure({ label, value, about, wide, children }: FigureProps) {
  return (
    <div className={wide ? 'figure-wide' : undefined}>
      <dt>{label}</dt>
      <dd className="figure-value">{value}</dd>
      {children && <dd className="figure-bar">{children}</dd>}
      {about && <dd className="muted">{about}</dd>}
    </div>
  );
}
