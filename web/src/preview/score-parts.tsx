import type { ScorePart } from '../api/wire';
import { productName } from '../format';
import { useWords } from '../i18n/i18n';
import { BAR_WIDTH, bars, byStrength } from './parts';

/** What a score is made of, strongest first; the parts add up. */
export function ScoreParts({ id, parts: unsorted, score }: { id?: string; parts: readonly ScorePart[]; score: number }) {
  const { t, word, format } = useWords();
  const parts = byStrength(unsorted);
  if (parts.length === 0) {
    return (
      <p id={id} className="parts muted">
        {t('slate.parts.none')}
      </p>
    );
  }
  const scale = bars(parts);
  return (
    <div id={id} className="parts">
      <table className="plain">
        <caption className="sr-only">{t('slate.parts.caption')}</caption>
        <thead className="parts-head">
          <tr>
            <th scope="col">{t('slate.parts.name')}</th>
            <td />
            <th scope="col" className="number">
              {t('slate.parts.value')}
            </th>
          </tr>
        </thead>
        <tbody>
          {parts.map((part, i) => (
            <tr key={`${part.name} ${part.seed_product_id ?? ''} ${i}`}>
              <th scope="row">
                {word('part', part.name)}
                <Seed part={part} />
              </th>
              <td className="parts-bar">
                <svg viewBox={`0 0 ${BAR_WIDTH} 8`} preserveAspectRatio="none" aria-hidden="true">
                  <rect
                    className={part.value < 0 ? 'bar-fill bar-negative' : 'bar-fill'}
                    x={scale.bars[i]?.x}
                    width={scale.bars[i]?.width}
                    height="8"
                  />
                  <rect className="bar-zero" x={Math.min(BAR_WIDTH - 0.5, scale.zero)} width="0.5" height="8" />
                </svg>
              </td>
              <td className="number">{format.decimal(part.value)}</td>
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row">{t('slate.parts.total')}</th>
            <td />
            <td className="number">{format.decimal(score)}</td>
          </tr>
        </tfoot>
      </table>
    </div>
  );
}

function Seed({ part }: { part: ScorePart }) {
  const { t } = useWords();
  if (!part.seed_product_id) return null;
  return <span className="parts-seed"> {t('slate.parts.because', { name: productName(part.seed_product_name, part.seed_product_id) })}</span>;
}
