import { useState, type FormEvent } from 'react';

import { dryRunRules } from '../api/client';
import { useAction } from '../api/use-action';
import type { DryRun, Rule } from '../api/wire';
import { NOTHING, productName } from '../format';
import { useWords } from '../i18n/i18n';
import { Bones, Failure } from '../ui/failure';
import { Ring } from '../ui/plots';
import { ruleName } from './draft';
import { usePlacements } from './placements';

const SHOPPERS = 100;

/** What publishing would change for those who were here last. */
export function DryRunPanel({ rules, currency }: { rules: readonly Rule[]; currency: string | null }) {
  const { t, word } = useWords();
  const placements = usePlacements();
  const [placement, setPlacement] = useState('home');
  const [answer, setAnswer] = useState<DryRun | null>(null);
  const { busy, failure, run } = useAction();
  const go = () => void run(async () => setAnswer(await dryRunRules(placement, SHOPPERS)));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    go();
  };
  return (
    <section className="panel" aria-labelledby="dry-run-heading" aria-busy={busy}>
      <header className="panel-head">
        <h3 id="dry-run-heading">{t('dry_run.heading')}</h3>
      </header>
      <p className="report-note muted">{t('dry_run.about', { n: SHOPPERS })}</p>
      <form className="panel-tools rules-buttons" onSubmit={submit}>
        <label className="field">
          <span className="field-label">{t('preview.placement')}</span>
          <select value={placement} onChange={(change) => setPlacement(change.target.value)}>
            {placements.map((name) => (
              <option key={name} value={name}>
                {word('placement', name)}
              </option>
            ))}
          </select>
        </label>
        <button type="submit" className="button" disabled={busy}>
          {t('dry_run.go')}
        </button>
      </form>
      {failure && <Failure failure={failure} onRetry={go} />}
      {busy ? <Bones /> : answer && <Result answer={answer} rules={rules} currency={currency} />}
    </section>
  );
}

function Result({ answer, rules, currency }: { answer: DryRun; rules: readonly Rule[]; currency: string | null }) {
  const { t, word, count, format } = useWords();
  const share = answer.shoppers > 0 ? answer.changed / answer.shoppers : 0;
  const price = (major: number | null) => (major === null || currency === null ? NOTHING : format.amount(major, currency));
  const names = new Map(rules.map((rule) => [rule.rule_id, ruleName(rule)]));
  return (
    <div role="status" data-dry-run={answer.placement}>
      <div className="summary">
        <Ring share={share} text={format.wholePercent(share)} />
        <div>
          <p className="summary-title">{count('dry_run.changed', answer.changed, { all: format.integer(answer.shoppers) })}</p>
          <p className="muted">{t('dry_run.places', { share: format.percent(answer.places_changed) })}</p>
          <p className="muted">{t('dry_run.price', { before: price(answer.mean_price_before), after: price(answer.mean_price_after) })}</p>
        </div>
      </div>
      {answer.products.length > 0 && (
        <div className="gains">
          <Gains title={t('dry_run.more')} products={answer.products.filter(({ slates }) => slates > 0)} />
          <Gains title={t('dry_run.less')} products={answer.products.filter(({ slates }) => slates < 0)} />
        </div>
      )}
      {Object.keys(answer.touched).length > 0 && (
        <ul className="report-note dry-run-touched">
          {Object.entries(answer.touched).map(([id, n]) => (
            <li key={id}>
              {names.get(id) ?? id}: <span className="muted">{count('dry_run.touched', n)}</span>
            </li>
          ))}
        </ul>
      )}
      {answer.notices.map(({ code, detail }) => (
        <p key={detail} className="notice">
          {word('notice', code)} <span lang="en">({detail})</span>
        </p>
      ))}
    </div>
  );
}

function Gains({ title, products }: { title: string; products: DryRun['products'] }) {
  const { t, format } = useWords();
  return (
    <div>
      <h4>{title}</h4>
      {products.length === 0 && <p className="muted">{t('dry_run.none')}</p>}
      <ul>
        {products.map(({ product_id, name, slates }) => (
          <li key={product_id} className="gain">
            <span className="row-name">{productName(name, product_id)}</span>
            <span className="number muted">{format.difference(slates)}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}
