// When has somebody seen a row? When half of it was in view for a second, in a tab that is looked at.

const SHARE = 0.5;
const FOR_MS = 1000;

/** Slates that were reported since the page was loaded. */
const reported = new Set();

/**
 * @param {Element} row
 * @param {string} recommendationId
 * @param {() => void} report called once for each recommendation id
 * @returns {() => void} stops watching
 */
export function whenSeen(row, recommendationId, report) {
  let isInView = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const look = () => {
    clearTimeout(timer);
    if (isInView && !document.hidden && !reported.has(recommendationId)) timer = setTimeout(seen, FOR_MS);
  };
  const seen = () => {
    stop();
    if (reported.has(recommendationId)) return;
    reported.add(recommendationId);
    report();
  };
  const observer = new IntersectionObserver(
    (entries) => {
      isInView = (entries.at(-1)?.intersectionRatio ?? 0) >= SHARE;
      look();
    },
    { threshold: SHARE },
  );
  const stop = () => {
    clearTimeout(timer);
    observer.disconnect();
    document.removeEventListener('visibilitychange', look);
  };
  observer.observe(row);
  document.addEventListener('visibilitychange', look);
  return stop;
}
