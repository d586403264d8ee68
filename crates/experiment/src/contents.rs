//! What came of the contents that were shown: a fold of the log, from which the next choice is drawn.
//!
//! A content that is shown is a `promotion_viewed` event with its id as `promotion_id` and the `recommendation_id` of the choice; a click is a
//! `promotion_clicked` with the same two. A showing without a click within [`PATIENCE`] counts as one that came to nothing. The context of a choice
//! is what its event itself tells ([`context`]), so that the log alone makes the same state again.

use std::{
    collections::{BTreeMap, VecDeque},
    f64::consts::TAU,
};

use domain::{ContentId, Event, EventKind, Position, RecommendationId, Recorded, Shop, Timestamp, time::MINUTE};
use jiff::tz::TimeZone;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use store::{EventLog, Follower, Result, Settings};

use crate::bandit::{Bandit, BanditError, Beta, Choice, Exploration, LinUcb, Policy, Thompson, draw};

/// After so long without a click nothing is expected any more.
pub const PATIENCE: i64 = 30 * MINUTE;
/// Values of a [`context`].
pub const CONTEXT: usize = 4;
/// Contents and places that are counted: events from outside may name any.
const CONTENTS_MAX: usize = 10_000;
const PLACES_MAX: usize = 200;
/// Choices whose click may still come.
const WAITING_MAX: usize = 100_000;
/// Of a hundred showings two are clicked, until somebody knows better.
const PRIOR: Beta = Beta { alpha: 1.0, beta: 49.0 };
/// Width of LinUCB's confidence, as in the paper's experiments.
const ALPHA: f64 = 0.5;

const KEY: &str = "experiment.contents";
const CHUNK: usize = 10_000;

/// How contents are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Chooser {
    Thompson,
    LinUcb,
    Uniform,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    pub impressions: u64,
    pub clicks: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Waiting {
    since: Timestamp,
    recommendation_id: RecommendationId,
    content_id: ContentId,
    placement: String,
    context: [f64; CONTEXT],
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct State {
    chooser: Chooser,
    seen: Position,
    counts: BTreeMap<ContentId, Counts>,
    bandits: BTreeMap<String, Bandit>,
    waiting: VecDeque<Waiting>,
}

/// What is known when a choice is made: a constant, the shop's hour as a point on a circle, weekend or not.
pub fn context(at: Timestamp, zone: &TimeZone) -> [f64; CONTEXT] {
    let wall = at.zoned(zone);
    let hour = TAU * (f64::from(wall.hour()) + f64::from(wall.minute()) / 60.0) / 24.0;
    let is_weekend = wall.weekday().to_monday_zero_offset() >= 5;
    [1.0, hour.sin(), hour.cos(), f64::from(u8::from(is_weekend))]
}

impl State {
    fn new(chooser: Chooser) -> Self {
        Self {
            chooser,
            seen: Position::START,
            counts: BTreeMap::new(),
            bandits: BTreeMap::new(),
            waiting: VecDeque::new(),
        }
    }

    fn bandit(&mut self, placement: &str) -> &mut Bandit {
        let chooser = self.chooser;
        self.bandits.entry(placement.to_owned()).or_insert_with(|| {
            let policy = match chooser {
                Chooser::Thompson => Policy::Thompson(Thompson::new(PRIOR)),
                Chooser::LinUcb => Policy::LinUcb(LinUcb::new(CONTEXT, ALPHA)),
                Chooser::Uniform => Policy::Uniform,
            };
            Bandit::new(policy, Exploration::default()).expect("the defaults are within bounds")
        })
    }

    fn fold(&mut self, recorded: &Recorded, zone: &TimeZone) {
        if recorded.position <= self.seen {
            return;
        }
        self.seen = recorded.position;
        let event = &recorded.event;
        self.give_up(event.received_at);
        match event.kind {
            EventKind::PromotionViewed => self.viewed(event, zone),
            EventKind::PromotionClicked => self.clicked(event),
            _ => {}
        }
    }

    /// `None` for one too many.
    fn counts(&mut self, id: &ContentId) -> Option<&mut Counts> {
        let has_room = self.counts.len() < CONTENTS_MAX || self.counts.contains_key(id);
        has_room.then(|| self.counts.entry(id.clone()).or_default())
    }

    fn viewed(&mut self, event: &Event, zone: &TimeZone) {
        let Some(content_id) = content_id(event) else { return };
        let Some(counts) = self.counts(&content_id) else { return };
        counts.impressions += 1;
        // What was shown outside of a choice teaches nothing about choices.
        let (Some(recommendation_id), Some(placement)) = (&event.recommendation_id, &event.placement) else { return };
        if self.waiting.len() == WAITING_MAX {
            self.conclude(0, 0.0);
        }
        self.waiting.push_back(Waiting {
            since: event.received_at,
            recommendation_id: recommendation_id.clone(),
            content_id,
            placement: placement.to_string(),
            context: context(event.occurred_at, zone),
        });
    }

    fn clicked(&mut self, event: &Event) {
        let Some(content_id) = content_id(event) else { return };
        let Some(counts) = self.counts(&content_id) else { return };
        counts.clicks += 1;
        let is_it = |waiting: &Waiting| {
            waiting.content_id == content_id && Some(&waiting.recommendation_id) == event.recommendation_id.as_ref()
        };
        if let Some(at) = self.waiting.iter().rposition(is_it) {
            self.conclude(at, 1.0);
        }
    }

    fn give_up(&mut self, now: Timestamp) {
        while self.waiting.front().is_some_and(|waiting| now - waiting.since > PATIENCE) {
            self.conclude(0, 0.0);
        }
    }

    fn conclude(&mut self, at: usize, reward: f64) {
        let Some(waiting) = self.waiting.remove(at) else { return };
        let Waiting { content_id, placement, context, .. } = waiting;
        if self.bandits.len() >= PLACES_MAX && !self.bandits.contains_key(&placement) {
            return;
        }
        if let Err(error) = self.bandit(&placement).learn(content_id.as_str(), &context, reward, 1.0) {
            tracing::error!(%error, placement, "an outcome of a content was not learned from");
        }
    }
}

fn content_id(event: &Event) -> Option<ContentId> {
    ContentId::new(event.details.promotion_id.as_deref()?).ok()
}

/// The fold of a running shop.
pub struct LiveContents {
    zone: TimeZone,
    state: Mutex<State>,
}

impl LiveContents {
    /// Continues from what was saved and folds what the log has since. Another chooser than before begins anew, from the whole log.
    ///
    /// # Errors
    /// When the log or the settings can't be read.
    pub fn open(shop: &Shop, chooser: Chooser, log: &dyn EventLog, settings: &dyn Settings) -> Result<Self> {
        let saved = settings.get(KEY)?.and_then(|saved| {
            let read = serde_json::from_value::<State>(saved);
            read.inspect_err(|error| tracing::warn!(%error, "what was learned of contents is made anew from the log"))
                .ok()
        });
        let mut state = saved.filter(|state| state.chooser == chooser).unwrap_or_else(|| State::new(chooser));
        let zone = shop.zone();
        loop {
            let chunk = log.read(state.seen, CHUNK)?;
            let Some(last) = chunk.last().map(|recorded| recorded.position) else { break };
            chunk.iter().for_each(|recorded| state.fold(recorded, &zone));
            state.seen = state.seen.max(last);
        }
        Ok(Self { zone, state: Mutex::new(state) })
    }

    /// # Errors
    /// When the settings can't be written.
    pub fn save(&self, settings: &dyn Settings) -> Result<()> {
        let state = serde_json::to_value(&*self.state.lock()).expect("counts and numbers are JSON");
        settings.put(KEY, &state)
    }

    /// Up to `n` of these contents for one shopper, each with the probability with which it was drawn among those that were left.
    ///
    /// # Errors
    /// When there are more than the bandit takes.
    pub fn choose(
        &self,
        placement: &str,
        mut contents: Vec<ContentId>,
        at: Timestamp,
        n: usize,
        seed: u64,
    ) -> std::result::Result<Vec<(ContentId, f64)>, BanditError> {
        let context = context(at, &self.zone);
        let mut chosen = Vec::new();
        // A copy: to choose among many takes milliseconds, in which the log's thread must not wait.
        let bandit = self.state.lock().bandit(placement).clone();
        while chosen.len() < n && !contents.is_empty() {
            let arms: Vec<&str> = contents.iter().map(ContentId::as_str).collect();
            let Choice { arm, propensity } =
                draw(&bandit.propensities(&arms, &context)?, seed.wrapping_add(chosen.len() as u64))?;
            chosen.push((contents.remove(arm), propensity));
        }
        Ok(chosen)
    }

    pub fn counts(&self) -> FxHashMap<ContentId, Counts> {
        self.state.lock().counts.iter().map(|(id, counts)| (id.clone(), *counts)).collect()
    }
}

impl Follower for LiveContents {
    fn committed(&self, events: &[Recorded]) {
        let mut state = self.state.lock();
        events.iter().for_each(|recorded| state.fold(recorded, &self.zone));
    }
}

#[cfg(test)]
mod tests {
    use domain::{Channel, Consent, MessageId, PlacementId, UserKey};

    use super::*;

    fn event(position: u64, kind: EventKind, content: &str, choice: &str, minutes: i64) -> Recorded {
        let at = Timestamp::from_seconds(1_785_000_000) + minutes * MINUTE;
        let event = Event {
            message_id: MessageId::new(format!("m{position}")).unwrap(),
            kind,
            user: UserKey([1; 16]),
            anonymous: None,
            session_id: None,
            occurred_at: at,
            received_at: at,
            channel: Channel::Server,
            consent: Consent::default(),
            placement: Some(PlacementId::new("home").unwrap()),
            recommendation_id: Some(RecommendationId::new(choice).unwrap()),
            products: Vec::new(),
            order: None,
            details: domain::event::Details { promotion_id: Some(content.to_owned()), ..Default::default() },
        };
        Recorded { position: Position(position), event }
    }

    fn live(chooser: Chooser) -> LiveContents {
        LiveContents { zone: TimeZone::UTC, state: Mutex::new(State::new(chooser)) }
    }

    fn share_of(contents: &LiveContents, wanted: &str) -> f64 {
        let ids = || ["a", "b"].map(|id| ContentId::new(id).unwrap()).to_vec();
        let now = Timestamp::from_seconds(1_785_000_000);
        let drawn = (0..2_000).map(|seed| contents.choose("home", ids(), now, 1, seed).unwrap());
        drawn.filter(|chosen| chosen[0].0.as_str() == wanted).count() as f64 / 2_000.0
    }

    #[test]
    fn what_is_clicked_is_shown_more_and_what_is_passed_by_less() {
        for chooser in [Chooser::Thompson, Chooser::LinUcb] {
            let contents = live(chooser);
            assert!((0.4..0.6).contains(&share_of(&contents, "a")) || chooser == Chooser::LinUcb);
            let mut position = 0;
            for showing in 0..300 {
                for (id, clicks) in [("a", showing % 3 == 0), ("b", false)] {
                    let choice = format!("{id}{showing}");
                    position += 2;
                    contents.committed(&[event(position, EventKind::PromotionViewed, id, &choice, showing)]);
                    if clicks {
                        contents.committed(&[event(
                            position + 1,
                            EventKind::PromotionClicked,
                            id,
                            &choice,
                            showing + 1,
                        )]);
                    }
                }
            }
            assert!(share_of(&contents, "a") > 0.9, "{chooser:?}");
            assert!(share_of(&contents, "b") > 0.01, "everything keeps a chance");
            let counts = contents.counts();
            assert_eq!(counts[&ContentId::new("a").unwrap()], Counts { impressions: 300, clicks: 100 });
        }
    }

    #[test]
    fn an_outcome_counts_once_and_late_clicks_teach_nothing() {
        let contents = live(Chooser::Thompson);
        let viewed = event(1, EventKind::PromotionViewed, "a", "r1", 0);
        let late = event(2, EventKind::PromotionClicked, "a", "r1", 31);
        contents.committed(&[viewed.clone(), late.clone(), viewed, late]);
        let state = contents.state.lock();
        assert_eq!((state.waiting.len(), state.counts.values().next().unwrap().clicks), (0, 1));
        let Policy::Thompson(thompson) = state.bandits["home"].policy() else { panic!("a Thompson policy") };
        assert_eq!(thompson.posterior("a"), Beta { alpha: 1.0, beta: 50.0 });
    }

    #[test]
    fn what_anybody_names_does_not_grow_without_end() {
        let contents = live(Chooser::Thompson);
        for n in 0..CONTENTS_MAX as u64 + 50 {
            let mut seen = event(n + 1, EventKind::PromotionViewed, &format!("c{n}"), &format!("r{n}"), 0);
            seen.event.placement = Some(PlacementId::new(format!("place-{n}")).unwrap());
            contents.committed(&[seen]);
        }
        contents.committed(&[event(1 << 20, EventKind::PromotionViewed, "a", "r", 60)]);
        let state = contents.state.lock();
        assert_eq!((state.counts.len(), state.bandits.len()), (CONTENTS_MAX, PLACES_MAX));
    }

    #[test]
    fn several_places_get_different_contents() {
        let ids = ["a", "b", "c"].map(|id| ContentId::new(id).unwrap()).to_vec();
        let now = Timestamp::from_seconds(1_785_000_000);
        let chosen = live(Chooser::Thompson).choose("home", ids, now, 5, 7).unwrap();
        let mut names: Vec<&str> = chosen.iter().map(|(id, _)| id.as_str()).collect();
        names.sort_unstable();
        assert_eq!((names, chosen[2].1), (vec!["a", "b", "c"], 1.0), "the last is drawn from itself alone");
    }
}
