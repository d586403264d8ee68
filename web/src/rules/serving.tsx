import { useState } from 'react';

import { publishRules, rollbackRules } from '../api/client';
import { useWords } from '../i18n/i18n';
import { Confirm } from '../ui/confirm';
import type { RulesView } from './rules';

/** The newest; the others are one press away. */
const VERSIONS_SHOWN = 5;

/** Which version is served, what publishing the draft would change, and the way back. */
export function Serving({ list, versions, changes, onChange }: RulesView & { onChange(): void }) {
  const { t, count, word, format } = useWords();
  const [asked, setAsked] = useState<'publish' | 'rollback' | null>(null);
  const [all, setAll] = useState(false);
  const served = versions.served_version;
  const close = () => setAsked(null);
  const done = () => {
    close();
    onChange();
  };
  const differences = [
    changes.added.size > 0 && count('serving.added', changes.added.size),
    changes.changed.size > 0 && count('serving.changed', changes.changed.size),
    changes.removed.length > 0 && count('serving.removed', changes.removed.length),
  ].filter((text) => text !== false);
  const summary = list.changed ? (differences.length > 0 ? t('serving.draft', { changes: format.list(differences) }) : t('serving.order')) : t('serving.same');
  return (
    <section className="panel" aria-labelledby="serving-heading">
      <header className="panel-head">
        <h3 id="serving-heading">{t('serving.heading')}</h3>
      </header>
      <p className="report-note" data-served={served}>
        <strong>{served === 0 ? t('serving.none') : t('serving.version', { version: served })}</strong>
        <br />
        <span className="muted">{summary}</span>
      </p>
      <div className="panel-tools rules-buttons">
        <button type="button" className="button button-primary" disabled={!list.changed} onClick={() => setAsked('publish')}>
          {t('serving.publish')}
        </button>
        <button type="button" className="button" disabled={served === 0} onClick={() => setAsked('rollback')}>
          {t('serving.rollback')}
        </button>
      </div>
      {versions.data.length > 0 && (
        <table className="rows versions">
          <caption className="sr-only">{t('serving.versions')}</caption>
          <thead>
            <tr>
              <th scope="col">{t('serving.versions.version')}</th>
              <th scope="col">{t('serving.versions.when')}</th>
              <th scope="col">{t('serving.versions.who')}</th>
            </tr>
          </thead>
          <tbody>
            {(all ? versions.data : versions.data.slice(0, VERSIONS_SHOWN)).map(({ version, published_at, actor, rules }) => (
              <tr key={version} data-version={version}>
                <th scope="row">
                  {version} {version === served && <span className="badge tone-green">{t('serving.versions.served')}</span>}
                  <span className="row-id">{count('serving.versions.rules', rules.length)}</span>
                </th>
                <td>
                  <time dateTime={published_at}>{format.moment(published_at)}</time>
                </td>
                <td>{word('actor', actor)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {versions.data.length > VERSIONS_SHOWN && (
        <button type="button" className="history-more" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? t('history.less') : t('history.all', { n: format.integer(versions.data.length) })}
        </button>
      )}
      {asked === 'publish' && (
        <Confirm title={t('serving.publish.title')} action={t('serving.publish')} act={() => publishRules(list.etag)} onDone={done} onCancel={close}>
          <p>{summary}</p>
          {list.conflicts.length > 0 && <p>{count('serving.conflicts', list.conflicts.length)}</p>}
          <p className="muted">{t('serving.publish.about')}</p>
        </Confirm>
      )}
      {asked === 'rollback' && (
        <Confirm title={t('serving.rollback.title', { version: served })} action={t('serving.rollback')} act={rollbackRules} onDone={done} onCancel={close}>
          <p>{t('serving.rollback.about')}</p>
        </Confirm>
      )}
    </section>
  );
}
