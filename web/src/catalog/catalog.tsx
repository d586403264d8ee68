import { useCallback, useEffect, useRef, useState, type RefObject } from 'react';

import { ApiError, getCatalogQuality } from '../api/client';
import { useAnswer } from '../api/use-answer';
import type { CatalogQuality, HintedProduct, ProductHint } from '../api/wire';
import { productName } from '../format';
import { useWords } from '../i18n/i18n';
import { keepInAddress, readDetail } from '../pages';
import { Command } from '../ui/command';
import { Bones, Failure } from '../ui/failure';
import { Bar, Ring } from '../ui/plots';
import { askedFirst, hintTone, rankTotals, rowsShown } from './hints';

const PAGE_LENGTH = 25;
const DUPLICATES_SHOWN = 3;

/** Where the reader is: a hint or all, and the last id of each page before this one. */
interface Place {
  hint: string | null;
  before: readonly string[];
}

const START: Place = { hint: null, before: [] };

export function CatalogPage({ heading }: { heading: RefObject<HTMLHeadingElement | null> }) {
  const { t } = useWords();
  const [place, setPlace] = useState<Place>(() => ({ hint: readDetail(location.hash, 'hint'), before: [] }));
  const title = useRef<HTMLHeadingElement>(null);
  const { hint } = place;
  // Rows know where they are from, so that those of another place are not shown as this one's.
  const ask = useCallback(
    async (signal: AbortSignal) => {
      const after = place.before.at(-1) ?? null;
      return { place, quality: await getCatalogQuality({ hint: place.hint, after, limit: PAGE_LENGTH }, signal) };
    },
    [place],
  );
  const view = useAnswer(ask);
  useEffect(() => {
    keepInAddress('catalog', { hint });
  }, [hint]);
  const quality = view.answer?.quality ?? null;
  // An address may name a hint that this server does not know.
  const refused = view.failure instanceof ApiError && hint !== null;

  const choose = (code: string) => {
    setPlace({ ...START, hint: code === hint ? null : code });
    // On a narrow screen the rows are below the plot: go there.
    if (matchMedia('(max-width: 1079px)').matches) title.current?.scrollIntoView({ block: 'start' });
  };

  return (
    <>
      {view.failure && <Failure failure={view.failure} onRetry={refused ? () => setPlace(START) : view.again} />}
      {quality?.products === 0 ? (
        <section className="panel" aria-labelledby="catalog-heading">
          <Heading heading={heading} />
          <div className="empty">
            <p className="empty-title">{t('catalog.none.title')}</p>
            <p>
              <Command text={t('catalog.none.todo')} command="PUT /v1/products" />
            </p>
          </div>
        </section>
      ) : (
        <div className="report" aria-busy={view.busy}>
          <section className="panel report-plot" aria-labelledby="catalog-heading">
            <Heading heading={heading} />
            {quality ? (
              <Overview quality={quality} asked={hint} onHint={choose} />
            ) : (
              <Reading failed={view.failure !== null} />
            )}
          </section>
          {view.answer && <Products {...view.answer} busy={view.busy} title={title} onPlace={setPlace} />}
        </div>
      )}
    </>
  );
}

function Heading({ heading }: { heading: RefObject<HTMLHeadingElement | null> }) {
  const { t } = useWords();
  return (
    <header className="panel-head">
      <h2 id="catalog-heading" tabIndex={-1} ref={heading}>
        {t('catalog.heading')}
      </h2>
    </header>
  );
}

function Reading({ failed }: { failed: boolean }) {
  const { t } = useWords();
  if (failed) return null;
  return (
    <>
      <p className="report-note muted" role="status">
        {t('catalog.reading')}
      </p>
      <Bones />
    </>
  );
}

function Overview({ quality, asked, onHint }: { quality: CatalogQuality; asked: string | null; onHint(code: string): void }) {
  const { t, word, count, format } = useWords();
  const clean = quality.products - quality.products_with_hints;
  const share = clean / quality.products;
  return (
    <>
      <div className="summary">
        <Ring share={share} text={format.wholePercent(share)} className={share === 1 ? 'ring-good' : ''} />
        <div>
          <p className="summary-title">{count('catalog.clean', clean, { all: format.integer(quality.products) })}</p>
          {quality.duplicate_groups > 0 && <p className="muted">{count('catalog.groups', quality.duplicate_groups)}</p>}
        </div>
      </div>
      <ul className="plot" aria-label={t('catalog.plot')}>
        {rankTotals(quality.totals, quality.products).map(({ code, n, share: part }) => (
          <li key={code}>
            <button type="button" className="plot-row" data-hint={code} aria-pressed={code === asked} disabled={n === 0 && code !== asked} onClick={() => onHint(code)}>
              <span className="plot-name">{word('hint', code)}</span>
              <span className="plot-number number">
                {format.integer(n)} {n > 0 && <span className="muted">{format.percent(part)}</span>}
              </span>
              <Bar parts={[{ share: part, className: `fill-${hintTone(code)}` }]} />
            </button>
          </li>
        ))}
      </ul>
      {quality.products_with_hints > 0 && <p className="report-note muted">{t('catalog.plot.todo')}</p>}
    </>
  );
}

interface ProductsProps {
  quality: CatalogQuality;
  place: Place;
  busy: boolean;
  title: RefObject<HTMLHeadingElement | null>;
  onPlace(place: Place): void;
}

function Products({ quality, place: { hint, before }, busy, title, onPlace }: ProductsProps) {
  const { t, word, format } = useWords();
  const all = hint === null ? quality.products_with_hints : (quality.totals[hint] ?? 0);
  const rows = rowsShown(before.length, PAGE_LENGTH, quality.data.length);
  // Rows that there were when the page before this one was read.
  const moved = all > 0 || before.length > 0;
  const turn = (pages: readonly string[]) => {
    onPlace({ hint, before: pages });
    // The next page is read from its top, by eye and by ear.
    title.current?.focus();
    title.current?.scrollIntoView({ block: 'start' });
  };
  return (
    <section className="panel report-main" aria-labelledby="products-heading">
      <header className="panel-head">
        <h3 id="products-heading" tabIndex={-1} ref={title}>
          {hint === null ? t('catalog.products') : word('hint', hint)}
        </h3>
        {rows && (
          <span className="muted number" role="status">
            {t('catalog.rows', { from: format.integer(rows.from), to: format.integer(rows.to), all: format.integer(all) })}
          </span>
        )}
        {hint !== null && (
          <button type="button" className="button" onClick={() => onPlace(START)}>
            {t('catalog.all')}
          </button>
        )}
      </header>
      {hint !== null && <p className="report-note muted">{word('hint.todo', hint)}</p>}
      {rows ? (
        <table className="rows" data-stale={busy || undefined}>
          <caption className="sr-only">{t('catalog.products')}</caption>
          <thead>
            <tr>
              <th scope="col">{t('catalog.product')}</th>
              <th scope="col">{t('catalog.hints')}</th>
            </tr>
          </thead>
          <tbody>
            {quality.data.map((product) => (
              <ProductRow key={product.product_id} product={product} asked={hint} />
            ))}
          </tbody>
        </table>
      ) : (
        <div className="empty">
          <p className="empty-title">{t(moved ? 'catalog.moved.title' : 'catalog.perfect.title')}</p>
          <p>{moved ? t('catalog.moved.text') : t(hint === null ? 'catalog.perfect.all' : 'catalog.perfect.text')}</p>
        </div>
      )}
      {(before.length > 0 || quality.next !== undefined) && (
        <nav className="pager" aria-label={t('catalog.pages')}>
          <button type="button" className="button" disabled={before.length === 0 || busy} onClick={() => turn(before.slice(0, -1))}>
            {t('catalog.previous')}
          </button>
          <button
            type="button"
            className="button"
            disabled={quality.next === undefined || busy}
            onClick={() => quality.next !== undefined && turn([...before, quality.next])}
          >
            {t('catalog.next')}
          </button>
        </nav>
      )}
    </section>
  );
}

function ProductRow({ product, asked }: { product: HintedProduct; asked: string | null }) {
  const name = productName(product.name, product.product_id);
  return (
    <tr data-product={product.product_id}>
      <th scope="row">
        <span className="row-name">{name}</span>
        <span className="row-id mono">{product.product_id}</span>
      </th>
      <td>
        <ul className="hints">
          {askedFirst(product.hints, asked).map((hint) => (
            <HintItem key={hint.code} hint={hint} />
          ))}
        </ul>
      </td>
    </tr>
  );
}

function HintItem({ hint }: { hint: ProductHint }) {
  const { t, word, count, format } = useWords();
  const duplicates = hint.duplicates ?? [];
  const more = duplicates.length - DUPLICATES_SHOWN;
  const confidence = hint.confidence === undefined ? null : format.wholePercent(hint.confidence);
  return (
    <li className="hint" data-hint={hint.code}>
      <span className={`badge tone-${hintTone(hint.code)}`}>{word('hint', hint.code)}</span>
      {hint.category !== undefined && (
        <span className="hint-detail">
          {t(hint.code === 'wrong_category' ? 'hint.looks_like' : 'hint.suggested', { category: hint.category })}
          {confidence !== null && <span className="muted"> {t('hint.confidence', { share: confidence })}</span>}
        </span>
      )}
      {duplicates.length > 0 && (
        <span className="hint-detail" title={duplicates.join(', ')}>
          {t('hint.also')}{' '}
          {duplicates.slice(0, DUPLICATES_SHOWN).map((id) => (
            <code key={id}>{id}</code>
          ))}
          {more > 0 && <span className="muted">{count('hint.more', more)}</span>}
        </span>
      )}
    </li>
  );
}
