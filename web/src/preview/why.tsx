import { useCallback, useState, type FormEvent } from 'react';

import { getRuleVersions, getTrace } from '../api/client';
import { useAnswer } from '../api/use-answer';
import { useNames } from '../api/use-names';
import type { Candidate, Trace } from '../api/wire';
import { productName } from '../format';
import { useWords } from '../i18n/i18n';
import { ruleName } from '../rules/draft';
import { Bones, Failure } from '../ui/failure';
import { Bar } from '../ui/plots';
import { ScoreParts } from './score-parts';
import { rankDropped, ruleIn, scoreBar, tallySources } from './trace';
import type { Shown } from './use-preview';

/** Of those without a place. */
const OTHERS_SHOWN = 5;

/** How the slate on show came about, or any other by its id. */
export function Why({ shown }: { shown: Shown }) {
  const { t } = useWords();
  const [id, setId] = useState<string | null>(null);
  return (
    <section className="made" aria-labelledby="made-heading">
      <header className="slate-head">
        <h3 id="made-heading">{t('made.heading')}</h3>
      </header>
      <div className="made-tools">
        <button type="button" className="button" onClick={() => setId(shown.slate.recommendation_id)}>
          {t('made.show')}
        </button>
        <Ask name="recommendation" label={t('made.id')} button={t('made.id.show')} onAsk={setId} />
      </div>
      {id !== null && <Made key={id} id={id} known={shown.names} />}
    </section>
  );
}

function Ask({ name, label, button, onAsk }: { name: string; label: string; button: string; onAsk(text: string): void }) {
  const [text, setText] = useState('');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (text.trim()) onAsk(text.trim());
  };
  return (
    <form className="made-ask" onSubmit={submit}>
      <input
        className="input mono"
        name={name}
        aria-label={label}
        placeholder={label}
        value={text}
        onChange={(change) => setText(change.target.value)}
        autoComplete="off"
        autoCapitalize="off"
        spellCheck={false}
        maxLength={200}
      />
      <button type="submit" className="button">
        {button}
      </button>
    </form>
  );
}

function Made({ id, known }: { id: string; known: ReadonlyMap<string, string> }) {
  const { t } = useWords();
  const [asked, setAsked] = useState<string | null>(null);
  const ask = useCallback(
    async (signal: AbortSignal) => {
      const trace = await getTrace(id, asked, signal);
      return trace && { trace, asked, rules: await namesOfRules(trace, signal) };
    },
    [id, asked],
  );
  const view = useAnswer(ask);
  if (view.failure) return <Failure failure={view.failure} onRetry={view.again} />;
  if (view.answer === null) {
    if (view.busy) return <Bones />;
    return (
      <p className="notice" role="status">
        {t('made.unknown', { id })}
      </p>
    );
  }
  return (
    <>
      <div className="made-tools">
        <Ask name="why_not" label={t('made.why_not')} button={t('made.why_not.ask')} onAsk={setAsked} />
      </div>
      <Story {...view.answer} known={known} />
    </>
  );
}

type RuleNames = ReadonlyMap<string, string>;

/** Of the version that the slate was made with. */
async function namesOfRules({ rules_version }: Trace, signal: AbortSignal): Promise<RuleNames> {
  if (rules_version === null) return new Map();
  const { data } = await getRuleVersions(signal);
  const rules = data.find(({ version }) => version === rules_version)?.rules ?? [];
  return new Map(rules.map((rule) => [rule.rule_id, ruleName(rule)]));
}

interface StoryProps {
  trace: Trace;
  asked: string | null;
  rules: RuleNames;
  known: ReadonlyMap<string, string>;
}

function Story({ trace, asked, rules, known }: StoryProps) {
  const { t, word, count, format } = useWords();
  const shown = trace.candidates.filter(({ position }) => position !== undefined);
  const others = trace.candidates.slice(shown.length, shown.length + OTHERS_SHOWN);
  const listed = [...shown, ...others].map(({ product_id }) => product_id);
  const found = useNames([...listed, ...(asked === null ? [] : [asked])].filter((product) => !known.has(product)));
  const nameOf = (product: string) => productName(known.get(product) ?? found.get(product), product);
  const refusal = (by: string) => {
    const rule = ruleIn(by);
    return rule === null ? word('refusal', by) : t('made.rule', { name: rules.get(rule) ?? rule });
  };
  const best = Math.max(...trace.candidates.map(({ score }) => score));
  const sources = tallySources(trace.candidates);
  const most = Math.max(1, ...sources.map(({ found: n }) => n));
  const dropped = rankDropped(trace.dropped);
  return (
    <div className="made-story" data-trace={trace.recommendation_id}>
      {asked !== null && (
        <p className="made-verdict" role="status" data-verdict={trace.verdict?.verdict}>
          <strong>{nameOf(asked)}</strong>: <VerdictWords trace={trace} refusal={refusal} />
        </p>
      )}
      <p className="muted">{t('made.of', { placement: word('placement', trace.placement), plan: trace.plan, id: trace.recommendation_id })}</p>
      <h4>{t('made.sources')}</h4>
      <ul className="plot plot-still">
        {sources.map(({ source, shown: places, found: n }) => (
          <li key={source} className="plot-row" data-source={source}>
            <span className="plot-name">{word('source', source)}</span>
            <span className="plot-number number">
              {count('made.places', places)} <span className="muted">{t('made.of_found', { n: format.integer(n) })}</span>
            </span>
            <Bar
              parts={[
                { share: places / most, className: 'bar-fill' },
                { share: (n - places) / most, className: 'bar-rest' },
              ]}
            />
          </li>
        ))}
      </ul>
      <h4>{t('made.scores')}</h4>
      <Scores candidates={shown} best={best} nameOf={nameOf} ruleOf={refusal} />
      {others.length > 0 && (
        <>
          <h4>{t('made.others')}</h4>
          <Scores candidates={others} best={best} nameOf={nameOf} ruleOf={refusal} />
        </>
      )}
      <h4>{t('made.dropped')}</h4>
      {dropped.length === 0 && <p className="muted">{t('made.dropped.none')}</p>}
      <ul>
        {dropped.map(([by, n]) => (
          <li key={by} className="gain" data-dropped={by}>
            <span>{refusal(by)}</span> <span className="number muted">{count('made.products', n)}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}

interface ScoresProps {
  candidates: readonly Candidate[];
  best: number;
  nameOf(product: string): string;
  ruleOf(name: string): string;
}

function Scores({ candidates, best, nameOf, ruleOf }: ScoresProps) {
  const { format } = useWords();
  return (
    <ol className="made-scores">
      {candidates.map(({ product_id, position, score, parts }) => (
        <li key={product_id}>
          <details>
            <summary>
              <span className="made-place number">{position}</span>
              <span className="row-name">{nameOf(product_id)}</span>
              <Bar parts={scoreBar(parts, best)} />
              <span className="number">{format.decimal(score)}</span>
            </summary>
            <ScoreParts parts={parts.map((part) => (ruleIn(part.name) === null ? part : { ...part, name: ruleOf(part.name) }))} score={score} />
          </details>
        </li>
      ))}
    </ol>
  );
}

function VerdictWords({ trace, refusal }: { trace: Trace; refusal(by: string): string }) {
  const { t, word, format } = useWords();
  const { verdict, now } = trace;
  const said = () => {
    switch (verdict?.verdict) {
      case 'shown':
        return t('verdict.shown', { position: verdict.position });
      case 'outranked':
        return t('verdict.outranked', { score: format.decimal(verdict.score), last: format.decimal(verdict.last_shown ?? 0) });
      case 'refused':
        return t('verdict.refused', { by: refusal(verdict.by) });
      default:
        return t('verdict.not_found');
    }
  };
  return (
    <>
      {said()}
      {now !== undefined && ` ${t('verdict.now', { why: word('refusal', now) })}`}
    </>
  );
}
