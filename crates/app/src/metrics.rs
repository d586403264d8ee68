//! Prometheus metrics: base units, `vitrina_` prefix, no label that grows with users or products.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

/// Our target is a p99 of some milliseconds: the usual smallest bucket of 5 ms would hide it.
const LATENCY_SECONDS: [f64; 14] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct SlateLabels {
    pub placement: &'static str,
    pub strategy: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct OutcomeLabel {
    pub outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct AnswerLabel {
    pub answer: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct RouteLabels {
    pub route: String,
    pub status: u16,
}

pub struct Metrics {
    registry: Registry,
    pub slates: Family<SlateLabels, Counter>,
    pub slate_seconds: Histogram,
    pub page_seconds: Histogram,
    pub slate_freshness_seconds: Histogram,
    pub events: Family<OutcomeLabel, Counter>,
    pub ingest_seconds: Histogram,
    pub requests: Family<RouteLabels, Counter>,
    pub impressions_dropped: Counter,
    pub traces_dropped: Counter,
    pub scorer_failures: Counter,
    pub searches: Family<OutcomeLabel, Counter>,
    pub search_seconds: Histogram,
    pub search_products: Gauge,
    pub onboarding_questions: Counter,
    pub onboarding_answers: Family<AnswerLabel, Counter>,
    pub catalog_products: Gauge,
    pub content_products: Gauge,
    pub content_encoded: Gauge,
    pub duplicate_groups: Gauge,
    pub deals: Gauge,
    pub newcomers: Gauge,
    pub explored: Counter,
    pub log_head: Gauge,
    pub model_created_timestamp_seconds: Gauge,
    pub model_swaps: Counter,
    /// The same latencies again, in microsecond buckets that double, for the quantiles on the status page.
    recent: Mutex<[u64; 40]>,
    slates_total: AtomicU64,
    fallbacks_total: AtomicU64,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("vitrina");
        let latency = || Histogram::new(LATENCY_SECONDS);
        let metrics = Self {
            slates: Family::default(),
            slate_seconds: latency(),
            page_seconds: latency(),
            // From a hundredth of a second to four months.
            slate_freshness_seconds: Histogram::new(prometheus_client::metrics::histogram::exponential_buckets(
                0.01, 4.0, 16,
            )),
            events: Family::default(),
            ingest_seconds: latency(),
            requests: Family::default(),
            impressions_dropped: Counter::default(),
            traces_dropped: Counter::default(),
            scorer_failures: Counter::default(),
            searches: Family::default(),
            search_seconds: latency(),
            search_products: Gauge::default(),
            onboarding_questions: Counter::default(),
            onboarding_answers: Family::default(),
            catalog_products: Gauge::default(),
            content_products: Gauge::default(),
            content_encoded: Gauge::default(),
            duplicate_groups: Gauge::default(),
            deals: Gauge::default(),
            newcomers: Gauge::default(),
            explored: Counter::default(),
            log_head: Gauge::default(),
            model_created_timestamp_seconds: Gauge::default(),
            model_swaps: Counter::default(),
            registry: Registry::default(),
            recent: Mutex::new([0; 40]),
            slates_total: AtomicU64::new(0),
            fallbacks_total: AtomicU64::new(0),
        };
        registry.register("slates", "Slates answered, by placement and highest source", metrics.slates.clone());
        registry.register_with_unit(
            "slate_duration",
            "Time to make a slate",
            Unit::Seconds,
            metrics.slate_seconds.clone(),
        );
        registry.register_with_unit(
            "slate_freshness",
            "Age of the newest event that shaped a slate",
            Unit::Seconds,
            metrics.slate_freshness_seconds.clone(),
        );
        registry.register_with_unit(
            "page_duration",
            "Time to make all rows of a page",
            Unit::Seconds,
            metrics.page_seconds.clone(),
        );
        registry.register("events", "Events by outcome: accepted, duplicate, rejected", metrics.events.clone());
        registry.register_with_unit(
            "ingest_duration",
            "Time from a batch's arrival to its durable acknowledgement",
            Unit::Seconds,
            metrics.ingest_seconds.clone(),
        );
        registry.register("http_requests", "Requests by route and status", metrics.requests.clone());
        registry.register(
            "impressions_dropped",
            "Impressions of our own slates that were not recorded because the queue was full",
            metrics.impressions_dropped.clone(),
        );
        registry.register(
            "scorer_failures",
            "Slates that a brought scorer could not rank; they were answered as they were found",
            metrics.scorer_failures.clone(),
        );
        registry.register("searches", "Searches by outcome: found, zero", metrics.searches.clone());
        registry.register_with_unit(
            "search_duration",
            "Time to search and rerank",
            Unit::Seconds,
            metrics.search_seconds.clone(),
        );
        registry.register("search_products", "Products in the search index", metrics.search_products.clone());
        registry.register(
            "onboarding_questions",
            "Questions that newcomers were asked",
            metrics.onboarding_questions.clone(),
        );
        registry.register(
            "onboarding_answers",
            "Answers of newcomers: like, dislike, unknown",
            metrics.onboarding_answers.clone(),
        );
        registry.register("catalog_products", "Products in the catalogue", metrics.catalog_products.clone());
        registry.register(
            "content_products",
            "Products that can be found by what their texts say",
            metrics.content_products.clone(),
        );
        registry.register(
            "content_encoded",
            "Of them, those that the text encoder has read; 0 without an encoder",
            metrics.content_encoded.clone(),
        );
        registry.register(
            "newcomers",
            "Products that no model knows and that are placed by their texts",
            metrics.newcomers.clone(),
        );
        registry.register("explored", "Places of slates that new products got to be tried", metrics.explored.clone());
        registry.register(
            "duplicate_groups",
            "Products that are listed more than once, as last read",
            metrics.duplicate_groups.clone(),
        );
        registry.register("traces_dropped", "Slates whose trace was not kept", metrics.traces_dropped.clone());
        registry.register("deals", "Products that are really cheaper than they were", metrics.deals.clone());
        registry.register("log_head", "Position of the newest durable event", metrics.log_head.clone());
        registry.register(
            "model_created_timestamp_seconds",
            "When the serving model was trained; 0 without a model",
            metrics.model_created_timestamp_seconds.clone(),
        );
        registry.register("model_swaps", "Hot swaps of the serving model", metrics.model_swaps.clone());
        Self { registry, ..metrics }
    }
}

impl Metrics {
    pub fn slate_made(&self, placement: &'static str, strategy: &str, took: Duration) {
        self.slates.get_or_create(&SlateLabels { placement, strategy: strategy.to_owned() }).inc();
        self.slate_seconds.observe(took.as_secs_f64());
        self.slates_total.fetch_add(1, Ordering::Relaxed);
        if strategy != "personal" && strategy != "item_to_item" {
            self.fallbacks_total.fetch_add(1, Ordering::Relaxed);
        }
        let bucket = (took.as_micros().max(1) as f64).log2() * 2.0;
        let mut recent = self.recent.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        recent[(bucket as usize).min(39)] += 1;
    }

    pub fn page_made(&self, took: Duration) {
        self.page_seconds.observe(took.as_secs_f64());
    }

    pub fn search_done(&self, total: usize, took: Duration) {
        let outcome = if total > 0 { "found" } else { "zero" };
        self.searches.get_or_create(&OutcomeLabel { outcome }).inc();
        self.search_seconds.observe(took.as_secs_f64());
    }

    pub fn events_done(&self, accepted: u64, duplicates: u64, rejected: u64, took: Duration) {
        for (outcome, n) in [("accepted", accepted), ("duplicate", duplicates), ("rejected", rejected)] {
            self.events.get_or_create(&OutcomeLabel { outcome }).inc_by(n);
        }
        self.ingest_seconds.observe(took.as_secs_f64());
    }

    pub fn request_done(&self, route: String, status: u16) {
        self.requests.get_or_create(&RouteLabels { route, status }).inc();
    }

    pub fn model_swapped(&self, created_at_seconds: i64) {
        self.model_swaps.inc();
        self.model_created_timestamp_seconds.set(created_at_seconds);
    }

    pub fn slates_total(&self) -> u64 {
        self.slates_total.load(Ordering::Relaxed)
    }

    /// Share of slates whose best product came from no shopper-specific source.
    pub fn fallback_share(&self) -> f64 {
        let total = self.slates_total();
        if total == 0 { 0.0 } else { self.fallbacks_total.load(Ordering::Relaxed) as f64 / total as f64 }
    }

    /// Time to make a slate below which a share `q` of them stayed, in milliseconds (upper edge of a half-octave bucket).
    pub fn slate_quantile_ms(&self, q: f64) -> Option<f64> {
        let recent = *self.recent.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let total: u64 = recent.iter().sum();
        let wanted = (total as f64 * q).ceil().max(1.0) as u64;
        let mut below = 0;
        recent.iter().enumerate().find_map(|(bucket, n)| {
            below += n;
            (total > 0 && below >= wanted).then(|| 2f64.powf((bucket + 1) as f64 / 2.0) / 1000.0)
        })
    }

    /// The text that Prometheus scrapes (OpenMetrics).
    pub fn render(&self) -> String {
        let mut text = String::new();
        match encode(&mut text, &self.registry) {
            Ok(()) => text,
            Err(error) => format!("# {error}\n"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_and_shares_follow_what_was_observed() {
        let metrics = Metrics::default();
        assert_eq!((metrics.slate_quantile_ms(0.5), metrics.fallback_share()), (None, 0.0));
        for ms in [1, 1, 1, 100] {
            metrics.slate_made("home", if ms == 100 { "popular" } else { "personal" }, Duration::from_millis(ms));
        }
        let p50 = metrics.slate_quantile_ms(0.5).unwrap();
        let p99 = metrics.slate_quantile_ms(0.99).unwrap();
        assert!((1.0..1.5).contains(&p50) && (100.0..142.0).contains(&p99), "{p50} {p99}");
        assert_eq!(metrics.fallback_share(), 0.25);
        assert!(metrics.render().contains("vitrina_slates_total{placement=\"home\",strategy=\"personal\"} 3"));
    }
}
