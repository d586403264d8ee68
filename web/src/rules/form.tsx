import { useEffect, useId, useRef, useState, type FormEvent, type ReactNode } from 'react';

import { addRule, putRule } from '../api/client';
import { useAction } from '../api/use-action';
import type { Failed } from '../api/use-answer';
import { useWords } from '../i18n/i18n';
import { Failure, isOvertaken } from '../ui/failure';
import { fieldsOf, idFor, KINDS, needsWhere, NUMBERS, ruleOf, takesWhere, withKind, wrongAt, type Fields, type Kind } from './fields';
import { usePlacements } from './placements';
import type { Seen } from './rules';
import { OCCASIONS, ruleSentence, WEEKDAYS } from './sentence';

interface Props {
  /** Null for a new rule. */
  seen: Seen | null;
  /** Ids that other rules have. */
  taken: ReadonlySet<string>;
  onDone(): void;
  onCancel(): void;
}

export function RuleForm({ seen, taken, onDone, onCancel }: Props) {
  const words = useWords();
  const { t, word, format } = words;
  const [fields, setFields] = useState(() => fieldsOf(seen?.rule ?? null));
  const [sent, setSent] = useState('');
  const { busy, failure, run } = useAction();
  const placements = usePlacements();
  const title = useRef<HTMLHeadingElement>(null);
  useEffect(() => title.current?.focus(), []);
  const set = (change: Partial<Fields>) => setFields((now) => ({ ...now, ...change }));
  const bounds = NUMBERS[fields.kind];
  const rule = ruleOf(fields);

  const save = async () => {
    setSent(fields.where);
    const done = await run(() => (seen ? putRule({ rule_id: seen.rule.rule_id, ...rule }, seen.etag) : addRule({ ...idFor(rule.name, taken), ...rule })));
    if (done) onDone();
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void save();
  };
  const wrong = wrongCondition(failure, sent);

  return (
    <form className="rule-form" aria-labelledby="form-heading" onSubmit={submit}>
      <h3 id="form-heading" tabIndex={-1} ref={title}>
        {t(seen ? 'form.edit' : 'form.new')}
      </h3>
      <div className="form-row">
        <Labelled label={t('form.name')}>
          <input className="input" name="name" value={fields.name} onChange={(change) => set({ name: change.target.value })} maxLength={200} autoComplete="off" />
        </Labelled>
        <label className="switch">
          <input type="checkbox" role="switch" checked={fields.enabled} onChange={(change) => set({ enabled: change.target.checked })} />
          <span className="switch-track" aria-hidden="true" />
          {t('form.enabled')}
        </label>
      </div>

      <fieldset>
        <legend>{t('form.what')}</legend>
        <div className="form-row">
          <Labelled label={t('form.kind')}>
            <select name="kind" value={fields.kind} onChange={(change) => setFields(withKind(fields, change.target.value as Kind))}>
              {KINDS.map((kind) => (
                <option key={kind} value={kind}>
                  {t(`action.${kind}`)}
                </option>
              ))}
            </select>
          </Labelled>
          {bounds && (
            <Labelled label={word('form.number', fields.kind)}>
              <input className="input input-number" name="number" type="number" min={bounds.min} max={bounds.max} step={bounds.step} required value={fields.number} onChange={(change) => set({ number: change.target.value })} />
            </Labelled>
          )}
          {(fields.kind === 'cap' || fields.kind === 'same') && (
            <Labelled label={t(fields.kind === 'cap' ? 'form.attribute.cap' : 'form.attribute')}>
              <input className="input" name="attribute" list="form-attributes" required={fields.kind === 'same'} value={fields.attribute} onChange={(change) => set({ attribute: change.target.value })} autoComplete="off" />
              <datalist id="form-attributes">
                {['category', 'brand', 'seller', 'attributes.'].map((name) => (
                  <option key={name} value={name} />
                ))}
              </datalist>
            </Labelled>
          )}
        </div>
        {fields.kind === 'pin' && <Lines name="products" label={t('form.products')} required text={fields.products} onText={(products) => set({ products })} />}
        {takesWhere(fields.kind) && <Condition fields={fields} wrong={wrong} onText={(where) => set({ where })} />}
      </fieldset>

      <fieldset>
        <legend>{t('form.target')}</legend>
        <Choices label={t('form.placements')} about={t('form.placements.none')} offered={placements} nameOf={(name) => word('placement', name)} chosen={fields.placements} onChosen={(next) => set({ placements: next })} />
        <div className="form-row">
          <Lines name="segments" label={t('form.segments')} about={t('form.segments.about')} text={fields.segments} onText={(segments) => set({ segments })} />
          <Lines name="categories" label={t('form.categories')} about={t('form.categories.about')} text={fields.categories} onText={(categories) => set({ categories })} />
        </div>
      </fieldset>

      <fieldset>
        <legend>{t('form.when')}</legend>
        <div className="form-row">
          <WallTime name="from" label={t('form.from')} day={fields.fromDay} time={fields.fromTime} onDay={(fromDay) => set({ fromDay })} onTime={(fromTime) => set({ fromTime })} />
          <WallTime name="until" label={t('form.until')} day={fields.untilDay} time={fields.untilTime} onDay={(untilDay) => set({ untilDay })} onTime={(untilTime) => set({ untilTime })} />
          <Labelled label={t('form.hour_from')}>
            <input className="input input-number" name="hour_from" type="number" min={0} max={23} required={fields.hourTo !== ''} value={fields.hourFrom} onChange={(change) => set({ hourFrom: change.target.value })} />
          </Labelled>
          <Labelled label={t('form.hour_to')}>
            <input className="input input-number" name="hour_to" type="number" min={0} max={24} required={fields.hourFrom !== ''} value={fields.hourTo} onChange={(change) => set({ hourTo: change.target.value })} />
          </Labelled>
        </div>
        <Choices
          label={t('form.weekdays')}
          about={t('form.weekdays.none')}
          offered={WEEKDAYS}
          nameOf={(day) => format.weekday(WEEKDAYS.findIndex((name) => name === day))}
          chosen={fields.weekdays}
          onChosen={(next) => set({ weekdays: next })}
        />
        <Choices
          label={t('form.occasions')}
          about={t('form.occasions.none')}
          offered={OCCASIONS}
          nameOf={(name) => word('occasion', name)}
          chosen={fields.occasions}
          onChosen={(next) => set({ occasions: next })}
        />
      </fieldset>

      <p className="rule-said">
        {ruleSentence(rule, rule.where ?? '…', words)}
      </p>
      {failure && wrong === null && <Failure failure={failure} onRetry={isOvertaken(failure) ? onDone : () => void save()} />}
      <div className="rules-buttons">
        <button type="submit" className="button button-primary" disabled={busy}>
          {t('form.save')}
        </button>
        <button type="button" className="button" onClick={onCancel}>
          {t('confirm.cancel')}
        </button>
        <span className="muted">{t('form.save.about')}</span>
      </div>
    </form>
  );
}

interface Wrong {
  /** The character, counted from 0, of what was sent. */
  at: number;
  sent: string;
  detail: string;
}

/** What the server says against the condition. */
function wrongCondition(failure: Failed | null, sent: string): Wrong | null {
  if (failure === null || failure === 'unreachable') return null;
  const at = wrongAt(failure.message);
  return at === null ? null : { at, sent, detail: failure.message };
}

interface ConditionProps {
  fields: Fields;
  wrong: Wrong | null;
  onText(text: string): void;
}

/** The cursor is led to the character that is wrong, which stands marked below. */
function Condition({ fields, wrong, onText }: ConditionProps) {
  const { t } = useWords();
  const area = useRef<HTMLTextAreaElement>(null);
  const help = useId();
  const { at, sent } = wrong ?? { at: 0, sent: '' };
  // The server counts characters, strings count halves of some.
  const letters = [...sent];
  const before = letters.slice(0, at).join('');
  const isWrong = wrong !== null;
  useEffect(() => {
    if (!isWrong) return;
    area.current?.focus();
    area.current?.setSelectionRange(before.length, before.length);
  }, [isWrong, before]);
  return (
    <Labelled
      label={t('form.where')}
      wide
      about={
        wrong ? (
          <span id={help} className="form-wrong" role="alert" data-at={at + 1}>
            <strong>{t('form.where.wrong', { at: at + 1 })}</strong>
            <code>
              {before}
              <mark>{letters[at] ?? '\u00a0'}</mark>
              {letters.slice(at + 1).join('')}
            </code>
            <span lang="en">{wrong.detail}</span>
          </span>
        ) : (
          <span id={help} className="muted">
            {t('form.where.about')}
          </span>
        )
      }
    >
      <textarea
        ref={area}
        className="input mono"
        name="where"
        rows={2}
        required={needsWhere(fields)}
        value={fields.where}
        onChange={(change) => onText(change.target.value)}
        placeholder={'category = "Zapatillas" and price <= 200'}
        spellCheck={false}
        aria-invalid={isWrong}
        aria-describedby={help}
        maxLength={4096}
      />
    </Labelled>
  );
}

interface LabelledProps {
  label: string;
  wide?: boolean;
  children: ReactNode;
  /** Beside the label, and no part of it. */
  about?: ReactNode;
}

function Labelled({ label, wide = false, children, about }: LabelledProps) {
  return (
    <div className={wide ? 'form-field form-wide' : 'form-field'}>
      <label>
        <span className="field-label">{label}</span>
        {children}
      </label>
      {about}
    </div>
  );
}

interface LinesProps {
  name: string;
  label: string;
  about?: string;
  required?: boolean;
  text: string;
  onText(text: string): void;
}

/** Names, one a line. */
function Lines({ name, label, about, required = false, text, onText }: LinesProps) {
  const { t } = useWords();
  const help = useId();
  return (
    <Labelled
      label={label}
      wide
      about={
        <span id={help} className="muted">
          {about ?? t('form.lines')}
        </span>
      }
    >
      <textarea
        className="input"
        name={name}
        rows={Math.min(6, text.split('\n').length + 1)}
        required={required}
        value={text}
        onChange={(change) => onText(change.target.value)}
        spellCheck={false}
        aria-describedby={help}
      />
    </Labelled>
  );
}

interface WallTimeProps {
  name: string;
  label: string;
  day: string;
  time: string;
  onDay(day: string): void;
  onTime(time: string): void;
}

function WallTime({ name, label, day, time, onDay, onTime }: WallTimeProps) {
  const { t } = useWords();
  return (
    <>
      <Labelled label={label}>
        <input className="input" name={`${name}_day`} type="date" required={time !== ''} value={day} onChange={(change) => onDay(change.target.value)} />
      </Labelled>
      <Labelled label={t('form.time')}>
        <input className="input" name={`${name}_time`} type="time" aria-label={t('form.time_of', { label })} value={time} onChange={(change) => onTime(change.target.value)} />
      </Labelled>
    </>
  );
}

interface ChoicesProps {
  label: string;
  /** What it means to choose none. */
  about: string;
  offered: readonly string[];
  nameOf(name: string): string;
  chosen: readonly string[];
  onChosen(chosen: string[]): void;
}

/** What is chosen and not offered, of a newer server, stays. */
function Choices({ label, about, offered, nameOf, chosen, onChosen }: ChoicesProps) {
  const toggle = (name: string) => onChosen(chosen.includes(name) ? chosen.filter((other) => other !== name) : [...chosen, name]);
  return (
    <div className="form-choices" role="group" aria-label={label}>
      <span className="field-label">
        {label} <span>({about})</span>
      </span>
      <div className="chips">
        {[...new Set([...offered, ...chosen])].map((name) => (
          <button key={name} type="button" className="chip" value={name} aria-pressed={chosen.includes(name)} onClick={() => toggle(name)}>
            {nameOf(name)}
          </button>
        ))}
      </div>
    </div>
  );
}
