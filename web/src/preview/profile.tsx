import type { Profile, Share } from '../api/wire';
import { shortUser } from '../format';
import { useWords } from '../i18n/i18n';

const SHARES_SHOWN = 3;
const BAR_WIDTH = 48;

export function ProfileStrip({ user, profile, now }: { user: string; profile: Profile | null; now: Date }) {
  const { t, count, format } = useWords();
  if (!profile) {
    return (
      <div className="profile profile-unknown">
        <p className="empty-title">{t('profile.unknown.title', { user: shortUser(user) })}</p>
        <p className="muted">{t('profile.unknown.text')}</p>
      </div>
    );
  }
  return (
    <div className="profile" role="group" aria-label={t('profile.heading')}>
      <dl className="profile-facts">
        <div>
          <dt>{t('preview.user')}</dt>
          <dd>
            <span className="mono" title={profile.user}>
              {shortUser(profile.user)}
            </span>
          </dd>
          <dd className="muted">
            {count('profile.interactions', profile.interactions)} · {count('profile.purchases', profile.purchases)}
          </dd>
        </div>
        <div>
          <dt>{t('profile.total_spent')}</dt>
          <dd>{format.money(profile.total_spent)}</dd>
          {profile.average_purchase != null && (
            <dd className="muted">
              {t('profile.average_purchase')} {format.money(profile.average_purchase)}
            </dd>
          )}
        </div>
        {profile.last_seen_at && (
          <div>
            <dt>{t('profile.last_seen')}</dt>
            <dd>
              <time dateTime={profile.last_seen_at} title={format.moment(profile.last_seen_at)}>
                {format.ago(profile.last_seen_at, now)}
              </time>
            </dd>
          </div>
        )}
        {profile.price_band && (
          <div>
            <dt>{t('profile.price_band')}</dt>
            <dd>{format.money(profile.price_band.typical)}</dd>
            <dd className="muted">
              {t('profile.price_range', { low: format.money(profile.price_band.low), high: format.money(profile.price_band.high) })}
            </dd>
          </div>
        )}
        <Shares label={t('profile.categories')} shares={profile.categories ?? []} />
        <Shares label={t('profile.brands')} shares={profile.brands ?? []} />
      </dl>
    </div>
  );
}

function Shares({ label, shares }: { label: string; shares: readonly Share[] }) {
  const { format } = useWords();
  if (shares.length === 0) return null;
  return (
    <div className="shares">
      <dt>{label}</dt>
      {shares.slice(0, SHARES_SHOWN).map(({ name, share }) => (
        <dd key={name} className="share">
          <svg className="share-bar" viewBox={`0 0 ${BAR_WIDTH} 6`} aria-hidden="true">
            <rect className="bar-track" width={BAR_WIDTH} height="6" rx="3" />
            <rect className="bar-fill" width={Math.max(3, Math.min(1, share) * BAR_WIDTH)} height="6" rx="3" />
          </svg>
          <span className="share-name" title={name}>
            {name}
          </span>
          <span className="number muted">{format.percent(share)}</span>
        </dd>
      ))}
    </div>
  );
}
