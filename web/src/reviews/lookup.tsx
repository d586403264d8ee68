import { useCallback, useId, useState, type FormEvent } from 'react';

import { getProduct, getProductReviews } from '../api/client';
import { useAnswer } from '../api/use-answer';
import type { CommittedEvent, ProductReviews } from '../api/wire';
import { NOTHING, productName } from '../format';
import { useWords } from '../i18n/i18n';
import { keepInAddress, readDetail } from '../pages';
import { Bones, Failure } from '../ui/failure';
import { Bar } from '../ui/plots';
import { Stars } from '../ui/stars';
import { allAspects, recentlyReviewed } from './aspects';
import { Notices } from './reviews';

const RECENT_SHOWN = 8;

/** What shoppers say of one product, found by its id. */
export function ProductLookup({ events }: { events: readonly CommittedEvent[] }) {
  const { t } = useWords();
  const [id, setId] = useState(() => readDetail(location.hash, 'product'));
  const recent = recentlyReviewed(events, RECENT_SHOWN);
  const open = (next: string) => {
    setId(next);
    keepInAddress('reviews', { product: next });
  };
  return (
    <section className="panel report-main" aria-labelledby="lookup-heading">
      <header className="panel-head">
        <h3 id="lookup-heading">{t('lookup.heading')}</h3>
      </header>
      <div className="panel-tools preview-tools">
        <LookupForm key={id ?? ''} id={id ?? ''} onOpen={open} />
        {recent.length > 0 && (
          <div className="recent">
            <span className="field-label">{t('lookup.recent')}</span>
            <ul className="chips">
              {recent.map(({ product_id, name }) => (
                <li key={product_id}>
                  <button type="button" className="chip" aria-pressed={product_id === id} onClick={() => open(product_id)}>
                    <span className="chip-text">{productName(name, product_id)}</span>
                  </button>
                </li>
              ))}
            </ul>
          </div>
        )}
      </div>
      {id === null ? (
        <div className="empty">
          <p className="empty-title">{t('lookup.empty.title')}</p>
          <p>{t('lookup.empty.text')}</p>
        </div>
      ) : (
        <Found key={id} id={id} />
      )}
    </section>
  );
}

function LookupForm({ id, onOpen }: { id: string; onOpen(id: string): void }) {
  const { t } = useWords();
  const field = useId();
  const [text, setText] = useState(id);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const trimmed = text.trim();
    if (trimmed) onOpen(trimmed);
  };
  return (
    <form className="user-form" role="search" aria-label={t('lookup.heading')} onSubmit={submit}>
      <label htmlFor={field} className="sr-only">
        {t('lookup.product')}
      </label>
      <input
        id={field}
        name="product"
        className="input mono"
        value={text}
        onChange={(change) => setText(change.target.value)}
        placeholder={t('lookup.product')}
        autoComplete="off"
        autoCapitalize="off"
        spellCheck={false}
        maxLength={200}
      />
      <button type="submit" className="button button-primary">
        {t('lookup.show')}
      </button>
    </form>
  );
}

function Found({ id }: { id: string }) {
  const { t } = useWords();
  const ask = useCallback(
    async (signal: AbortSignal) => {
      const [product, reviews] = await Promise.all([getProduct(id, signal), getProductReviews(id, signal)]);
      return { product, reviews };
    },
    [id],
  );
  const view = useAnswer(ask);
  if (view.failure) return <Failure failure={view.failure} onRetry={view.again} />;
  if (!view.answer) return <Bones />;
  const { product, reviews } = view.answer;
  if (!reviews) {
    return (
      <div className="empty" role="status">
        <p className="empty-title">{t('lookup.unknown.title', { id })}</p>
        <p>{t('lookup.unknown.text')}</p>
      </div>
    );
  }
  return <Opinions name={productName(product?.name, id)} reviews={reviews} />;
}

function Opinions({ name, reviews }: { name: string; reviews: ProductReviews }) {
  const { t, count, format } = useWords();
  const { average_ratings_product: stars, sentiment_score_user_reviews: sentiment } = reviews;
  return (
    <div className="opinions" data-product={reviews.product_id}>
      <p className="opinions-name">
        {name} <span className="row-id mono">{reviews.product_id}</span>
      </p>
      <Notices notices={reviews.notices} />
      <dl className="figures">
        <div>
          <dt>{t('opinions.stars')}</dt>
          <dd className="figure-value">
            {stars === null ? NOTHING : format.decimal(stars)} <Stars of={stars ?? 0} />
          </dd>
          <dd className="muted">{count('opinions.ratings', reviews.n_ratings)}</dd>
        </div>
        <div>
          <dt>{t('opinions.sentiment')}</dt>
          <dd className="figure-value">{sentiment === null ? NOTHING : format.wholePercent(sentiment)}</dd>
          <dd className="figure-bar">
            <Bar parts={[{ share: sentiment ?? 0, className: 'fill-green' }]} />
          </dd>
          <dd className="muted">{count('opinions.reviews', reviews.n_reviews)}</dd>
        </div>
      </dl>
      <h4 className="opinions-aspects">{t('opinions.aspects')}</h4>
      <ul className="plot plot-still">
        {allAspects(reviews.aspects).map(({ aspect, share_positive, n }) => (
          <li key={aspect} className="plot-row" data-aspect={aspect} data-silent={n === 0 || undefined}>
            <AspectRow aspect={aspect} share={share_positive} n={n} />
          </li>
        ))}
      </ul>
      <p className="report-note muted">{t('opinions.about')}</p>
    </div>
  );
}

function AspectRow({ aspect, share, n }: { aspect: string; share: number; n: number }) {
  const { t, word, count, format } = useWords();
  return (
    <>
      <span className="plot-name">{word('aspect', aspect)}</span>
      <span className="plot-number">
        {n === 0 ? (
          <span className="muted">{t('opinions.silent')}</span>
        ) : (
          <>
            {t('opinions.positive', { share: format.wholePercent(share) })} <span className="muted">{count('opinions.mentions', n)}</span>
          </>
        )}
      </span>
      <Bar
        parts={
          n === 0
            ? []
            : [
                { share, className: 'fill-green' },
                { share: 1 - share, className: 'fill-red' },
              ]
        }
      />
    </>
  );
}
