import { useId, useRef, useState } from 'react';

import type { SlateItem } from '../api/wire';
import { productName } from '../format';
import { useWords } from '../i18n/i18n';
import { useGlide } from '../ui/glide';
import { Chevron, Down, Up } from '../ui/icons';
import { discount } from './discount';
import type { Mark } from './diff';
import { reasonText } from './reason';
import { ScoreParts } from './score-parts';
import type { Shown } from './use-preview';
import { Why } from './why';

export function SlatePanel({ shown, now }: { shown: Shown; now: Date }) {
  const { t, word } = useWords();
  const list = useRef<HTMLOListElement>(null);
  const { slate, diff, names } = shown;
  useGlide(list);
  return (
    <section className="slate" aria-labelledby="slate-heading">
      <header className="slate-head">
        <h3 id="slate-heading">{t('slate.heading')}</h3>
        <SlateFacts shown={shown} now={now} />
      </header>
      {slate.notices?.map((notice) => (
        <p key={notice.code} className="notice" title={notice.detail}>
          {word('notice', notice.code)}
        </p>
      ))}
      {slate.items.length === 0 ? (
        <div className="empty">
          <p className="empty-title">{t('slate.empty.title')}</p>
          <p>{t('slate.empty.text')}</p>
        </div>
      ) : (
        <ol className="slate-list" ref={list} aria-labelledby="slate-heading">
          {slate.items.map((item) => (
            <Item key={item.product_id} item={item} mark={diff.marks.get(item.product_id) ?? null} />
          ))}
        </ol>
      )}
      {diff.left.length > 0 && (
        <p className="slate-left muted">{t('slate.left', { names: diff.left.map((id) => productName(names.get(id), id)).join(', ') })}</p>
      )}
      <Why key={`${shown.subject.user} ${slate.placement} ${shown.context.join()}`} shown={shown} />
    </section>
  );
}

function SlateFacts({ shown, now }: { shown: Shown; now: Date }) {
  const { t, word, format } = useWords();
  const { slate } = shown;
  return (
    <p className="slate-facts muted">
      <span className={slate.personalized ? 'dot dot-good' : 'dot dot-none'}>
        {slate.personalized ? t('slate.personalized') : t('slate.not_personalized')}
      </span>
      <span>{t('slate.strategy', { strategy: word('source', slate.strategy).toLocaleLowerCase() })}</span>
      {slate.model_version && (
        <span className="slate-model" title={slate.model_version}>
          {t('slate.model', { version: slate.model_version })}
        </span>
      )}
      {slate.freshest_event_at && (
        <span title={format.moment(slate.freshest_event_at)}>{t('slate.freshest', { ago: format.ago(slate.freshest_event_at, now) })}</span>
      )}
    </p>
  );
}

function Item({ item, mark }: { item: SlateItem; mark: Mark | null }) {
  const words = useWords();
  const { t, word, format } = words;
  const [open, setOpen] = useState(false);
  const partsId = useId();
  const name = productName(item.name, item.product_id);
  const off = discount(item.price, item.list_price);
  return (
    <li className="item" data-key={item.product_id} data-product={item.product_id} data-mark={mark?.type}>
      <div className="item-row">
        <span className="item-place">
          <span className="item-position" aria-label={t('slate.position', { n: item.position })} role="img">
            {item.position}
          </span>
          {mark && <MarkBadge mark={mark} />}
        </span>
        <Thumbnail item={item} name={name} />
        <span className="item-what">
          <span className="item-name" title={name}>
            {name}
          </span>
          <span className="item-reason">{reasonText(item.reason, words)}</span>
        </span>
        <span className="item-source">
          <span className={`badge source-${item.source}`} data-source={item.source}>
            {word('source', item.source)}
          </span>
          <span className="item-score">
            {t('slate.score')} <span className="number">{format.decimal(item.score)}</span>
          </span>
        </span>
        <span className="item-money">
          <span className="item-price">{format.money(item.price)}</span>
          {off !== null && (
            <span className="item-list-price">
              <s aria-label={t('slate.list_price', { price: format.money(item.list_price) })} role="deletion">
                {format.money(item.list_price)}
              </s>{' '}
              <span className="item-off">{t('slate.off', { share: format.percent(off) })}</span>
            </span>
          )}
        </span>
        <button
          type="button"
          className="why"
          aria-expanded={open}
          aria-controls={open ? partsId : undefined}
          aria-label={t('slate.why_product', { name })}
          title={t('slate.why')}
          onClick={() => setOpen(!open)}
        >
          <span className="why-text">{t('slate.why')}</span>
          <Chevron />
        </button>
      </div>
      {open && <ScoreParts id={partsId} parts={item.parts ?? []} score={item.score} />}
    </li>
  );
}

function MarkBadge({ mark }: { mark: Mark }) {
  const { t } = useWords();
  if (mark.type === 'new') return <span className="mark-badge mark-new">{t('mark.new')}</span>;
  return (
    <span className={`mark-badge mark-${mark.type}`}>
      {mark.type === 'up' ? <Up /> : <Down />}
      <span aria-hidden="true">{mark.by}</span>
      <span className="sr-only">{t(`mark.${mark.type}`, { n: mark.by })}</span>
    </span>
  );
}

const TINTS = 6;

/** The picture, or the first letter on a tint that stays the same for a category. */
function Thumbnail({ item, name }: { item: SlateItem; name: string }) {
  const [broken, setBroken] = useState(false);
  if (item.image_link && !broken) {
    return (
      <img
        className="thumbnail"
        src={item.image_link}
        alt=""
        width="40"
        height="40"
        loading="lazy"
        referrerPolicy="no-referrer"
        onError={() => setBroken(true)}
      />
    );
  }
  const tint = [...(item.category ?? name)].reduce((sum, letter) => sum + (letter.codePointAt(0) ?? 0), 0) % TINTS;
  return (
    <span className={`thumbnail tint-${tint}`} aria-hidden="true">
      {[...name.trim()][0]?.toLocaleUpperCase()}
    </span>
  );
}
