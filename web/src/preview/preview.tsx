import { useEffect, useId, useRef, useState, type FormEvent, type RefObject } from 'react';

import { PLACEMENTS, type Placement, type RecentUser } from '../api/wire';
import { shortUser } from '../format';
import { useWords } from '../i18n/i18n';
import type { Stream } from '../live/stream';
import { Bones, Failure } from '../ui/failure';
import { recall, remember } from '../ui/memory';
import { Refresh } from '../ui/icons';
import { ContextPicker } from './context-picker';
import { HistoryPanel } from './history';
import { ProfileStrip } from './profile';
import { SlatePanel } from './slate';
import { useFollow } from './use-follow';
import { usePreview, type PreviewView, type Subject } from './use-preview';
import { useRecentUsers } from './use-recent-users';

interface Props {
  subject: Subject | null;
  onSubject(subject: Subject): void;
  stream: Stream;
  heading: RefObject<HTMLHeadingElement | null>;
  /** Told the pseudonym on show, so that the stream can mark its rows. */
  onShown(user: string | null): void;
  now: Date;
}

export function PreviewPanel({ subject, onSubject, stream, heading, onShown, now }: Props) {
  const { t } = useWords();
  const view = usePreview(subject);
  const [follow, setFollow] = useState(() => recall('follow', ['yes', 'no'], 'yes') === 'yes');
  const shownUser = view.shown?.profile?.user ?? subject?.user ?? null;
  useFollow(stream, follow ? view : null, subject);
  useEffect(() => onShown(shownUser), [shownUser, onShown]);

  const placement = subject?.placement ?? 'home';
  const open = (user: string) => onSubject({ user, placement, context: null });
  const changeFollow = (on: boolean) => {
    setFollow(on);
    remember('follow', on ? 'yes' : 'no');
  };

  return (
    <section className="panel preview" aria-labelledby="preview-heading">
      <header className="panel-head">
        <h2 id="preview-heading" tabIndex={-1} ref={heading}>
          {t('preview.heading')}
        </h2>
        <label className="switch">
          <input type="checkbox" role="switch" checked={follow} onChange={(change) => changeFollow(change.target.checked)} />
          <span className="switch-track" aria-hidden="true" />
          {t('preview.follow')}
        </label>
        <button type="button" className="button button-icon" onClick={view.refresh} disabled={!subject} aria-label={t('preview.refresh')} title={t('preview.refresh')}>
          <Refresh />
        </button>
      </header>
      <div className="panel-tools preview-tools">
        <UserForm key={subject?.user ?? ''} user={subject?.user ?? ''} onOpen={open} />
        <PlacementPicker placement={placement} onPlacement={(next) => subject && onSubject({ ...subject, placement: next, context: null })} />
        <RecentUsers selected={shownUser} onOpen={open} onFirst={(user) => !subject && open(user)} now={now} />
      </div>
      {subject && view.shown && subject.placement !== 'home' && (
        <ContextPicker
          placement={subject.placement}
          shown={view.shown}
          isAutomatic={subject.context === null}
          onContext={(context) => onSubject({ ...subject, context })}
        />
      )}
      <Announcement view={view} />
      <Body subject={subject} view={view} now={now} />
    </section>
  );
}

function UserForm({ user, onOpen }: { user: string; onOpen(user: string): void }) {
  const { t } = useWords();
  const id = useId();
  const [text, setText] = useState(user);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const trimmed = text.trim();
    if (trimmed) onOpen(trimmed);
  };
  return (
    <form className="user-form" role="search" aria-label={t('preview.heading')} onSubmit={submit}>
      <label htmlFor={id} className="sr-only">
        {t('preview.user')}
      </label>
      <input
        id={id}
        name="user"
        className="input mono"
        value={text}
        onChange={(change) => setText(change.target.value)}
        placeholder={t('preview.user.placeholder')}
        autoComplete="off"
        autoCapitalize="off"
        spellCheck={false}
        maxLength={200}
      />
      <button type="submit" className="button button-primary">
        {t('preview.show')}
      </button>
    </form>
  );
}

function PlacementPicker({ placement, onPlacement }: { placement: Placement; onPlacement(placement: Placement): void }) {
  const { t } = useWords();
  return (
    <label className="field">
      <span className="field-label">{t('preview.placement')}</span>
      <select name="placement" value={placement} onChange={(change) => onPlacement(change.target.value as Placement)}>
        {PLACEMENTS.map((name) => (
          <option key={name} value={name}>
            {t(`placement.${name}`)}
          </option>
        ))}
      </select>
    </label>
  );
}

interface RecentUsersProps {
  selected: string | null;
  onOpen(user: string): void;
  /** Told the most recent user once, so that the page does not start empty. */
  onFirst(user: string): void;
  now: Date;
}

function RecentUsers({ selected, onOpen, onFirst, now }: RecentUsersProps) {
  const { t, format } = useWords();
  const list = useRef<HTMLUListElement>(null);
  const users = useRecentUsers(() => list.current?.matches(':hover, :focus-within') ?? false);
  const first = users?.[0]?.user;
  const told = useRef(false);
  useEffect(() => {
    if (told.current || first === undefined) return;
    told.current = true;
    onFirst(first);
  });
  if (!users) return null;
  const label = (recent: RecentUser) =>
    t('preview.recent.item', {
      user: shortUser(recent.user),
      n: format.integer(recent.interactions),
      ago: recent.last_event_at ? format.ago(recent.last_event_at, now) : '',
    });
  return (
    <div className="recent">
      <span className="field-label" id="recent-label">
        {t('preview.recent')}
      </span>
      {users.length === 0 ? (
        <span className="muted">{t('preview.recent.none')}</span>
      ) : (
        <ul className="chips" ref={list} aria-labelledby="recent-label">
          {users.map((recent) => (
            <li key={recent.user}>
              <button
                type="button"
                className="chip mono"
                aria-pressed={recent.user === selected}
                aria-label={label(recent)}
                title={label(recent)}
                onClick={() => onOpen(recent.user)}
              >
                {shortUser(recent.user)}
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

/** Says aloud what a refresh changed. */
function Announcement({ view }: { view: PreviewView }) {
  const { t } = useWords();
  const shown = view.shown;
  let text = '';
  if (view.busy && !shown) text = t('preview.loading');
  else if (shown && shown.refreshes > 0) {
    const { moved, entered } = shown.diff;
    text = moved + entered > 0 ? t('slate.changed.some', { moved, entered }) : t('slate.changed.none');
  }
  return (
    <p className="sr-only" role="status">
      {text}
    </p>
  );
}

function Body({ subject, view, now }: { subject: Subject | null; view: PreviewView; now: Date }) {
  const { t } = useWords();
  if (!subject) {
    return (
      <div className="empty">
        <p className="empty-title">{t('preview.empty.title')}</p>
        <p>{t('preview.empty.text')}</p>
      </div>
    );
  }
  return (
    <>
      {view.failure && <Failure failure={view.failure} onRetry={view.refresh} />}
      {view.shown ? (
        <div className="preview-body" aria-busy={view.busy}>
          <ProfileStrip user={view.shown.subject.user} profile={view.shown.profile} now={now} />
          <div className="preview-columns">
            <HistoryPanel key={view.shown.subject.user} history={view.shown.profile?.history ?? []} now={now} />
            <SlatePanel shown={view.shown} now={now} />
          </div>
        </div>
      ) : (
        !view.failure && <Bones />
      )}
    </>
  );
}
