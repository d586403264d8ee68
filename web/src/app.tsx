import { useCallback, useEffect, useMemo, useRef, useState } from 'react';

import { CatalogPage } from './catalog/catalog';
import { LANGUAGES } from './i18n/dictionary';
import { LanguageProvider, useWords } from './i18n/i18n';
import { LivePanel } from './live/live';
import { useStream } from './live/stream';
import { PAGES, pageAddress, usePage, type PageName } from './pages';
import { addressOf, readAddress, writeAddress } from './preview/address';
import { PreviewPanel } from './preview/preview';
import type { Subject } from './preview/use-preview';
import { ReviewsPage } from './reviews/reviews';
import { RulesPage } from './rules/rules';
import { SearchesPage } from './searches/searches';
import { Outage } from './status/outage';
import { StatusPanel } from './status/status';
import { useStatus, type StatusView } from './status/use-status';
import { useNow } from './ui/clock';
import { Mark, Moon, Screen, Sun } from './ui/icons';
import { useTheme } from './ui/theme';

/** Where the shops of the first release are, until the status says where this one is. */
const TIME_ZONE_DEFAULT = 'America/Lima';
const NO_KINDS = {};

export function App() {
  const status = useStatus();
  return (
    <LanguageProvider timeZone={status.status?.shop.time_zone ?? TIME_ZONE_DEFAULT}>
      <Page status={status} />
    </LanguageProvider>
  );
}

function Page({ status }: { status: StatusView }) {
  const { t } = useWords();
  const now = useNow(1_000);
  const stream = useStream();
  const [subject, setSubject] = useState<Subject | null>(() => readAddress(location.hash));
  const [shownUser, setShownUser] = useState<string | null>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const { page, visit } = usePage();
  useEffect(() => {
    document.title = page === 'shop' ? t('app.title') : `${t(`page.${page}`)} · ${t('app.title')}`;
  }, [page, t]);

  const open = useCallback((next: Subject) => {
    setSubject(next);
    writeAddress(next);
  }, []);
  const placement = subject?.placement ?? 'home';
  const openFromStream = useCallback(
    (user: string) => {
      open({ user, placement, context: null });
      // On a narrow screen the preview is elsewhere on the page: go there.
      if (matchMedia('(max-width: 1079px)').matches) heading.current?.scrollIntoView({ block: 'start' });
    },
    [open, placement],
  );
  const byKind = useMemo(() => status.status?.events.by_kind ?? NO_KINDS, [status.status]);

  return (
    <>
      <a
        className="skip"
        href={`#${page === 'shop' ? 'preview' : page}-heading`}
        onClick={(click) => {
          // The address already says what is on show.
          click.preventDefault();
          heading.current?.focus();
        }}
      >
        {t(page === 'shop' ? 'app.skip' : 'app.skip.content')}
      </a>
      <TopBar status={status} page={page} shopAddress={(subject && addressOf(subject)) || pageAddress('shop')} />
      <main className="page">
        <Outage view={status} now={now} />
        {page === 'shop' && (
          <>
            <StatusPanel view={status} now={now} />
            <div className="work">
              <LivePanel stream={stream} byKind={byKind} selected={shownUser} onUser={openFromStream} now={now} />
              <PreviewPanel subject={subject} onSubject={open} stream={stream} heading={heading} onShown={setShownUser} now={now} />
            </div>
          </>
        )}
        {page === 'rules' && <RulesPage heading={heading} currency={status.status?.shop.currency ?? null} />}
        {page === 'catalog' && <CatalogPage key={visit} heading={heading} />}
        {page === 'searches' && <SearchesPage heading={heading} />}
        {page === 'reviews' && <ReviewsPage key={visit} heading={heading} status={status.status} events={stream.rows.rows} />}
      </main>
    </>
  );
}

/** `shopAddress` leads back to whom the preview showed. */
function TopBar({ status, page, shopAddress }: { status: StatusView; page: PageName; shopAddress: string }) {
  const { t, format } = useWords();
  const server = status.status;
  const health = status.failure ? 'offline' : server ? 'live' : 'connecting';
  const since = server && status.readAt ? new Date(status.readAt.getTime() - server.uptime_seconds * 1000) : null;
  return (
    <header className="top">
      <h1 className="brand">
        <Mark />
        {t('app.title')}
      </h1>
      {server && <span className="shop-name">{server.shop.name}</span>}
      <span
        className={`pulse pulse-${health}`}
        title={server && since ? t('status.uptime', { version: server.version, since: format.moment(since.toISOString()) }) : undefined}
      >
        {t(`status.${health}`)}
      </span>
      <nav className="pages" aria-label={t('app.pages')}>
        {PAGES.map((name) => (
          <a key={name} href={name === 'shop' ? shopAddress : pageAddress(name)} aria-current={name === page ? 'page' : undefined}>
            {t(`page.${name}`)}
          </a>
        ))}
      </nav>
      <LanguageSwitch />
      <ThemeSwitch />
    </header>
  );
}

function LanguageSwitch() {
  const { t, language, setLanguage } = useWords();
  return (
    <div className="segments" role="group" aria-label={t('app.language')}>
      {LANGUAGES.map((code) => (
        <button key={code} type="button" lang={code} aria-pressed={code === language} onClick={() => setLanguage(code)}>
          {code.toUpperCase()}
          <span className="sr-only"> {NAMES[code]}</span>
        </button>
      ))}
    </div>
  );
}

/** Each language by its own name, whatever the page speaks. */
const NAMES = { es: 'Español', en: 'English' } as const;

function ThemeSwitch() {
  const { t } = useWords();
  const [theme, next] = useTheme();
  const label = t('app.theme', { theme: t(`theme.${theme}`) });
  return (
    <button type="button" className="button button-icon" onClick={next} aria-label={label} title={label}>
      {theme === 'auto' ? <Screen /> : theme === 'light' ? <Sun /> : <Moon />}
    </button>
  );
}
