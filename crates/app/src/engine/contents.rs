//! Banners, promotions and messages: kept as the shop writes them, chosen for each shopper by what came of them before.

use std::hash::{DefaultHasher, Hash, Hasher};

use domain::{Content, ContentId, Query, UserKey, content::ContentKind};
use experiment::contents::Counts;
use parking_lot::{Mutex, MutexGuard, RwLock};
use rustc_hash::FxHashMap;
use serve::{Shopper, Snapshot, rules::Surroundings};
use store::{Settings, StoreError};

use super::{
    Engine,
    rules::{check_seen, read, write},
};
use crate::http::problem::{Code, Problem, Result as ApiResult};

const KEY: &str = "contents";
const CONTENTS_MAX: usize = 1_000;
/// Of one choice: those of the highest priority.
const ARMS_MAX: usize = experiment::bandit::ARMS_MAX;
/// Within so many seconds a shopper who comes back to a place sees the same choice.
const STEADY_SECONDS: i64 = 600;

pub(super) struct Contents {
    all: RwLock<Vec<Content>>,
    /// Showings of today by shopper, for contents that limit them. In memory alone: after a restart a shopper may see one more.
    today: Mutex<Today>,
}

#[derive(Default)]
struct Today {
    day: Option<jiff::civil::Date>,
    shown: FxHashMap<(UserKey, ContentId), u32>,
}

/// A content that was chosen, with the probability with which it was.
pub struct Chosen {
    pub content: Content,
    pub propensity: f64,
}

impl Contents {
    /// # Errors
    /// When the settings can't be read.
    pub fn open(settings: &dyn Settings) -> Result<Self, StoreError> {
        Ok(Self { all: RwLock::new(read(settings, KEY)?.unwrap_or_default()), today: Mutex::default() })
    }
}

impl Engine {
    /// All contents with what came of each.
    pub fn contents(&self) -> Vec<(Content, Counts)> {
        let counts = self.content_log.counts();
        let all = self.contents.all.read();
        all.iter()
            .map(|content| (content.clone(), counts.get(&content.content_id).copied().unwrap_or_default()))
            .collect()
    }

    pub fn content(&self, id: &ContentId) -> Option<Content> {
        self.contents.all.read().iter().find(|content| content.content_id == *id).cloned()
    }

    /// Adds a content, or replaces the version of it that the caller has seen; `None` as `content` removes it.
    ///
    /// # Errors
    /// When it is wrong, is there already (`seen` is `None`) or is not the one that was seen.
    pub fn put_content(
        &self,
        id: &ContentId,
        content: Option<Content>,
        seen: Option<&str>,
        actor: &str,
    ) -> ApiResult<()> {
        if let Some(content) = &content {
            content.check().map_err(Problem::parameter)?;
        }
        let mut all = self.contents.all.write();
        let mut next = all.clone();
        let at = next.iter().position(|other| other.content_id == *id);
        match (at, seen, content) {
            (Some(at), Some(seen), content) => {
                check_seen(&next[at], seen)?;
                match content {
                    Some(content) => next[at] = content,
                    None => drop(next.remove(at)),
                }
            }
            (None, None, Some(_)) if next.len() >= CONTENTS_MAX => {
                let detail = format!("there are {CONTENTS_MAX} contents, which is the most; delete some first");
                return Err(Problem::new(Code::Conflict, detail));
            }
            (None, None, Some(content)) => next.push(content),
            (Some(_), None, _) => {
                return Err(Problem::new(Code::Conflict, format!("content {id} is there already; change it with PUT")));
            }
            (None, ..) => return Err(Problem::not_found(format!("no content {id}"))),
        }
        write(&*self.stores.settings, KEY, &next)?;
        *all = next;
        Ok(self.audit(actor, "content.put", serde_json::json!({ "content_id": id.as_str() }))?)
    }

    pub(super) fn contents_want_segments(&self) -> bool {
        self.contents.all.read().iter().any(|content| !content.target.segments.is_empty())
    }

    /// Up to `n` contents of a kind for this shopper and place, best first.
    pub(super) fn choose_contents(
        &self,
        snapshot: &Snapshot,
        shopper: &Shopper,
        query: &Query,
        kind: ContentKind,
        n: usize,
    ) -> Vec<Chosen> {
        let eligible = self.eligible(snapshot, shopper, query, kind);
        let ids = eligible.iter().map(|content| content.content_id.clone()).collect();
        let mut hasher = DefaultHasher::new();
        (query.user, query.placement.as_str(), query.now.seconds() / STEADY_SECONDS).hash(&mut hasher);
        let chosen = self.content_log.choose(query.placement.as_str(), ids, query.now, n, hasher.finish());
        let chosen = chosen.unwrap_or_else(|error| {
            tracing::error!(%error, "no content could be chosen");
            Vec::new()
        });
        let content = |id: &ContentId| eligible.iter().find(|content| content.content_id == *id).cloned();
        chosen.into_iter().filter_map(|(id, propensity)| Some(Chosen { content: content(&id)?, propensity })).collect()
    }

    fn eligible(&self, snapshot: &Snapshot, shopper: &Shopper, query: &Query, kind: ContentKind) -> Vec<Content> {
        let surroundings = Surroundings::of(snapshot, shopper.profile(), query);
        let situation = surroundings.situation(&query.placement);
        let counts = self.content_log.counts();
        let today = self.today(query);
        let has_budget = |content: &Content| {
            let counts = counts.get(&content.content_id).copied().unwrap_or_default();
            let seen = || query.user.and_then(|user| today.shown.get(&(user, content.content_id.clone()))).copied();
            content.budget.impressions.is_none_or(|most| counts.impressions < most)
                && content.budget.clicks.is_none_or(|most| counts.clicks < most)
                && content.budget.per_user_per_day.is_none_or(|most| seen().unwrap_or(0) < most)
        };
        let all = self.contents.all.read();
        let fits = |content: &&Content| {
            content.active && content.kind == kind && content.target.admits(&situation) && has_budget(content)
        };
        let mut eligible: Vec<Content> = all.iter().filter(fits).cloned().collect();
        // A higher priority is an order, no hint: what lies below it is shown when nothing lies above.
        let first = eligible.iter().map(|content| content.priority).max().unwrap_or(0);
        eligible.retain(|content| content.priority == first);
        eligible.truncate(ARMS_MAX);
        eligible
    }

    /// Counts a showing towards the shopper's day.
    pub(super) fn content_shown(&self, query: &Query, content: &Content) {
        let Some(user) = query.user.filter(|_| content.budget.per_user_per_day.is_some()) else { return };
        *self.today(query).shown.entry((user, content.content_id.clone())).or_default() += 1;
    }

    /// The showings of the shop's day; yesterday's are forgotten by whoever comes first.
    fn today(&self, query: &Query) -> MutexGuard<'_, Today> {
        let day = query.now.zoned(&self.shop.zone()).date();
        let mut today = self.contents.today.lock();
        if today.day != Some(day) {
            *today = Today { day: Some(day), shown: FxHashMap::default() };
        }
        today
    }
}
