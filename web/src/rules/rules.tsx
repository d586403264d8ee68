import { useState, type ReactNode, type RefObject } from 'react';

import { deleteRule, getRule, getRules, getRuleVersions } from '../api/client';
import { useAction } from '../api/use-action';
import { useAnswer } from '../api/use-answer';
import type { Rule, RuleList, RuleVersions } from '../api/wire';
import { useWords } from '../i18n/i18n';
import { useNow } from '../ui/clock';
import { Command } from '../ui/command';
import { Confirm } from '../ui/confirm';
import { Bones, Failure } from '../ui/failure';
import { Contents } from './contents';
import { activityAt, changesOf, conflictsOf, ruleName, type Changes } from './draft';
import { DryRunPanel } from './dry-run';
import { KINDS } from './fields';
import { RuleForm } from './form';
import { ruleSentence } from './sentence';
import { Serving } from './serving';

/** A rule as the reader saw it; without one, a new one. */
export interface Seen {
  rule: Rule;
  etag: string;
}

interface Props {
  heading: RefObject<HTMLHeadingElement | null>;
  /** Of the shop, for mean prices. */
  currency: string | null;
}

const NOW_EVERY_MS = 30_000;

export function RulesPage({ heading, currency }: Props) {
  const now = useNow(NOW_EVERY_MS);
  const view = useAnswer(readRules);
  return (
    <>
      {view.failure && <Failure failure={view.failure} onRetry={view.again} />}
      <div className="report rules-report">
        <Draft heading={heading} view={view.answer} failed={view.failure !== null} onChange={view.again} now={now} />
        <div className="rules-side">
          {view.answer && (
            <>
              <Serving {...view.answer} onChange={view.again} />
              {/* What was found out is about this draft, against what is served now. */}
              <DryRunPanel key={`${view.answer.list.etag} ${view.answer.list.served_version}`} rules={view.answer.list.data} currency={currency} />
            </>
          )}
        </div>
      </div>
      <Contents now={now} />
    </>
  );
}

export interface RulesView {
  list: RuleList;
  versions: RuleVersions;
  changes: Changes;
}

async function readRules(signal: AbortSignal): Promise<RulesView> {
  const [list, versions] = await Promise.all([getRules(signal), getRuleVersions(signal)]);
  const served = versions.data.find(({ version }) => version === versions.served_version)?.rules ?? [];
  return { list, versions, changes: changesOf(list.data, served) };
}

interface DraftProps {
  heading: RefObject<HTMLHeadingElement | null>;
  view: RulesView | null;
  failed: boolean;
  onChange(): void;
  now: Date;
}

function Draft({ heading, view, failed, onChange, now }: DraftProps) {
  const { t } = useWords();
  const [editing, setEditing] = useState<Seen | 'new' | null>(null);
  const [deleting, setDeleting] = useState<Seen | null>(null);
  const reading = useAction();
  // What is changed is what the server has now, and not what it had when the list was read.
  const open = (rule: Rule, next: (seen: Seen) => void) => void reading.run(async () => next(await getRule(rule.rule_id)));
  const taken = new Set([...(view?.list.data ?? []), ...(view?.changes.removed ?? [])].map((rule) => rule.rule_id));
  const done = () => {
    setEditing(null);
    setDeleting(null);
    onChange();
    heading.current?.focus();
  };
  return (
    <section className="panel report-main" aria-labelledby="rules-heading" aria-busy={view === null}>
      <header className="panel-head">
        <h2 id="rules-heading" tabIndex={-1} ref={heading}>
          {t('rules.heading')}
        </h2>
        {editing === null && (
          <button type="button" className="button button-primary" onClick={() => setEditing('new')}>
            {t('rules.new')}
          </button>
        )}
      </header>
      <p className="report-note muted">{t('rules.about')}</p>
      {reading.failure && <Failure failure={reading.failure} onRetry={() => void reading.run(async () => onChange())} />}
      {editing !== null ? (
        <RuleForm seen={editing === 'new' ? null : editing} taken={taken} onDone={done} onCancel={() => setEditing(null)} />
      ) : view ? (
        <RuleRows view={view} onEdit={(rule) => open(rule, setEditing)} onDelete={(rule) => open(rule, setDeleting)} now={now} />
      ) : (
        !failed && <Bones />
      )}
      {deleting && (
        <Confirm
          title={t('rules.delete.title', { name: ruleName(deleting.rule) })}
          action={t('rules.delete')}
          act={() => deleteRule(deleting.rule.rule_id, deleting.etag)}
          onDone={done}
          onCancel={() => setDeleting(null)}
        >
          <p>
            <Sentence rule={deleting.rule} />
          </p>
          <p className="muted">{t('rules.delete.about')}</p>
        </Confirm>
      )}
    </section>
  );
}

interface RowsProps {
  view: RulesView;
  onEdit(rule: Rule): void;
  onDelete(rule: Rule): void;
  now: Date;
}

function RuleRows({ view: { list, changes }, onEdit, onDelete, now }: RowsProps) {
  const { t } = useWords();
  if (list.data.length + changes.removed.length === 0) {
    return (
      <div className="empty">
        <p className="empty-title">{t('rules.none.title')}</p>
        <p>{t('rules.none.text')}</p>
      </div>
    );
  }
  return (
    <ul className="rules" aria-labelledby="rules-heading">
      {list.data.map((rule) => {
        const served = changes.changed.get(rule.rule_id);
        const change = changes.added.has(rule.rule_id) ? 'added' : served ? 'changed' : null;
        return (
          <RuleRow key={rule.rule_id} rule={rule} change={change} now={now}>
            {served && (
              <p className="rule-before muted">
                {t('rules.before')} {served.name !== rule.name && `${ruleName(served)}: `}
                {!served.enabled && `${t('activity.off')}. `}
                <Sentence rule={served} />
              </p>
            )}
            <Conflicts rule={rule} list={list} />
            <span className="rule-buttons">
              {KINDS.some((kind) => kind === rule.action.kind) && (
                <button type="button" className="button" aria-label={t('rules.edit_rule', { name: ruleName(rule) })} onClick={() => onEdit(rule)}>
                  {t('rules.edit')}
                </button>
              )}
              <button type="button" className="button" aria-label={t('rules.delete_rule', { name: ruleName(rule) })} onClick={() => onDelete(rule)}>
                {t('rules.delete')}
              </button>
            </span>
          </RuleRow>
        );
      })}
      {changes.removed.map((rule) => (
        <RuleRow key={rule.rule_id} rule={rule} change="removed" now={now} />
      ))}
    </ul>
  );
}

interface RowProps {
  rule: Rule;
  change: 'added' | 'changed' | 'removed' | null;
  now: Date;
  children?: ReactNode;
}

const TONES = { added: 'green', changed: 'amber', removed: 'red' } as const;
const DOTS = { on: 'good', off: 'none', before: 'none', over: 'none', resting: 'none', calendar: 'warn' } as const;

function RuleRow({ rule, change, now, children }: RowProps) {
  const { t, format } = useWords();
  const activity = activityAt(rule.enabled, rule.target.schedule, format.wallClock(now));
  return (
    <li className="rule" data-rule={rule.rule_id} data-change={change ?? undefined}>
      <div className="rule-head">
        <h3>{ruleName(rule)}</h3>
        <span className={`dot dot-${DOTS[activity]}`} data-activity={activity}>
          {t(`activity.${activity}`)}
        </span>
        {change && <span className={`badge tone-${TONES[change]}`}>{t(`change.${change}`)}</span>}
      </div>
      <p>
        <Sentence rule={rule} />
      </p>
      {children}
    </li>
  );
}

export function Sentence({ rule }: { rule: Rule }) {
  const words = useWords();
  if (rule.where === undefined) return ruleSentence(rule, undefined, words);
  return <Command text={ruleSentence(rule, '{command}', words)} command={rule.where} />;
}

function Conflicts({ rule, list }: { rule: Rule; list: RuleList }) {
  const { t, word, format } = useWords();
  const names = new Map(list.data.map((other) => [other.rule_id, ruleName(other)]));
  return conflictsOf(rule.rule_id, list.conflicts).map(({ code, rules, detail }) => {
    const others = rules.filter((id) => id !== rule.rule_id).map((id) => names.get(id) ?? id);
    return (
      <p key={`${code} ${detail}`} className="notice rule-conflict" data-conflict={code}>
        {others.length > 0 && <strong>{t('rules.conflict_with', { names: format.list(others) })} </strong>}
        {word('conflict', code)} <span lang="en">({detail})</span>
      </p>
    );
  });
}
