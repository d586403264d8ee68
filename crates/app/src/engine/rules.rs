//! The shop's merchandising rules: a draft that is edited, versions that were published, one of which is served.

use std::{collections::BTreeMap, sync::Arc};

use domain::{Notice, PlacementId, ProductId, Query, Rule, RuleId, Timestamp};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serve::{
    Rules, Shopper, Snapshot,
    rules::{Conflict, conflicts},
};
use store::{Settings, StoreError};

use super::{Engine, slates};
use crate::http::problem::{Code, Problem, Result as ApiResult};

const DRAFT: &str = "rules.draft";
const HEAD: &str = "rules.head";
/// Rules in a draft: each is asked of every product that a slate comes across.
const RULES_MAX: usize = 1_000;

fn version_key(version: u64) -> String {
    format!("rules.version.{version}")
}

/// Which version is served; versions are numbered from 1.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Head {
    /// 0 is no rules.
    current: u64,
    /// What was served before, the last one last: the way back.
    before: Vec<u64>,
    newest: u64,
}

/// Rules as they were published.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Published {
    pub version: u64,
    pub published_at: Timestamp,
    pub actor: String,
    pub rules: Vec<Rule>,
}

pub(super) struct RuleBook(Mutex<Book>);

struct Book {
    draft: Vec<Rule>,
    head: Head,
}

/// The draft with what is wrong with it.
pub struct Draft {
    pub rules: Vec<Rule>,
    pub etag: String,
    pub conflicts: Vec<Conflict>,
    /// The version that is served; 0 for none.
    pub served: u64,
    /// Does the draft differ from what is served?
    pub changed: bool,
}

/// What publishing the draft would change.
pub struct DryRun {
    pub shoppers: usize,
    pub placement: PlacementId,
    /// Shoppers whose slate changes.
    pub changed: usize,
    /// Share of places with another product, over all slates.
    pub places_changed: f64,
    /// Mean price of the products shown, in minor units: now, and with the draft.
    pub mean_price_minor: (Option<f64>, Option<f64>),
    /// Products that come onto slates or leave them most often, with by how many more slates show them.
    pub products: Vec<(ProductId, i64)>,
    /// By rule of the draft: on how many slates it did something.
    pub touched: BTreeMap<RuleId, usize>,
    pub conflicts: Vec<Conflict>,
    pub notices: Vec<Notice>,
}

impl RuleBook {
    /// # Errors
    /// When the settings can't be read.
    pub fn open(settings: &dyn Settings) -> Result<Self, StoreError> {
        let draft = read(settings, DRAFT)?.unwrap_or_default();
        let head = read(settings, HEAD)?.unwrap_or_default();
        Ok(Self(Mutex::new(Book { draft, head })))
    }
}

pub(super) fn read<T: DeserializeOwned>(settings: &dyn Settings, key: &str) -> Result<Option<T>, StoreError> {
    let Some(value) = settings.get(key)? else { return Ok(None) };
    serde_json::from_value(value).map(Some).map_err(|error| StoreError::Corrupt {
        store: "settings",
        place: key.to_owned(),
        detail: error.to_string(),
    })
}

pub(super) fn write(settings: &dyn Settings, key: &str, value: &impl Serialize) -> Result<(), StoreError> {
    let value = serde_json::to_value(value).expect("rules are JSON");
    settings.put(key, &value)
}

/// The same for the same rules only.
pub fn etag(value: &impl Serialize) -> String {
    let bytes = serde_json::to_vec(value).expect("rules are JSON");
    format!("\"{}\"", &blake3::hash(&bytes).to_hex()[..16])
}

impl Engine {
    pub fn draft(&self) -> ApiResult<Draft> {
        let (rules, head) = {
            let book = self.rules.0.lock();
            (book.draft.clone(), book.head.clone())
        };
        let served = self.published(head.current)?.map(|published| published.rules).unwrap_or_default();
        let snapshot = self.snapshot_with(&rules, head.current)?;
        let conflicts = conflicts(&snapshot, self.now());
        Ok(Draft { etag: etag(&rules), conflicts, served: head.current, changed: rules != served, rules })
    }

    pub fn draft_rule(&self, id: &RuleId) -> Option<Rule> {
        self.rules.0.lock().draft.iter().find(|rule| rule.rule_id == *id).cloned()
    }

    /// Inserts a rule into the draft, or replaces the version of it that the caller has seen.
    ///
    /// # Errors
    /// When the rule is wrong, is there already (`seen` is `None`) or is not the one that was seen.
    pub fn put_rule(&self, rule: Rule, seen: Option<&str>, actor: &str) -> ApiResult<()> {
        rule.check(self.shop.currency)
            .map_err(|error| Problem::parameter(format!("rule {}: {error}", rule.rule_id)))?;
        let id = rule.rule_id.clone();
        self.edit(actor, "rule.put", &id, |draft| {
            match (draft.iter().position(|other| other.rule_id == rule.rule_id), seen) {
                (Some(at), Some(seen)) => {
                    check_seen(&draft[at], seen)?;
                    draft[at] = rule;
                }
                (Some(_), None) => {
                    let detail = format!("rule {} is there already; change it with PUT", rule.rule_id);
                    return Err(Problem::new(Code::Conflict, detail));
                }
                (None, Some(_)) => return Err(no_rule(&rule.rule_id)),
                (None, None) if draft.len() >= RULES_MAX => {
                    let detail = format!("the draft has {RULES_MAX} rules, which is the most; delete some first");
                    return Err(Problem::new(Code::Conflict, detail));
                }
                (None, None) => draft.push(rule),
            }
            Ok(())
        })
    }

    /// # Errors
    /// When there is no such rule, or it is not the one that was seen.
    pub fn delete_rule(&self, id: &RuleId, seen: &str, actor: &str) -> ApiResult<()> {
        self.edit(actor, "rule.delete", id, |draft| {
            let at = draft.iter().position(|rule| rule.rule_id == *id).ok_or_else(|| no_rule(id))?;
            check_seen(&draft[at], seen)?;
            draft.remove(at);
            Ok(())
        })
    }

    fn edit(
        &self,
        actor: &str,
        action: &str,
        id: &RuleId,
        change: impl FnOnce(&mut Vec<Rule>) -> ApiResult<()>,
    ) -> ApiResult<()> {
        let mut book = self.rules.0.lock();
        let mut draft = book.draft.clone();
        change(&mut draft)?;
        write(&*self.stores.settings, DRAFT, &draft)?;
        book.draft = draft;
        Ok(self.audit(actor, action, serde_json::json!({ "rule_id": id.as_str() }))?)
    }

    /// Serves the draft from the next request on, under a version of its own.
    ///
    /// # Errors
    /// When the draft is not the one that was seen.
    pub fn publish_rules(&self, seen: Option<&str>, actor: &str) -> ApiResult<u64> {
        let mut book = self.rules.0.lock();
        if let Some(seen) = seen {
            check_seen(&book.draft, seen)?;
        }
        let version = book.head.newest + 1;
        let rules = self.compile(&book.draft, version)?;
        let published =
            Published { version, published_at: self.now(), actor: actor.to_owned(), rules: book.draft.clone() };
        let mut head = Head { newest: version, ..book.head.clone() };
        head.before.push(std::mem::replace(&mut head.current, version));
        // The version first: a head never names one that is not there.
        write(&*self.stores.settings, &version_key(version), &published)?;
        write(&*self.stores.settings, HEAD, &head)?;
        book.head = head;
        self.swap(|now| Ok(now.clone().with_rules(Arc::new(rules))))?;
        self.audit(actor, "rules.publish", serde_json::json!({ "version": version }))?;
        Ok(version)
    }

    /// Serves again what was served before the current version; 0 is no rules.
    ///
    /// # Errors
    /// When nothing was.
    pub fn rollback_rules(&self, actor: &str) -> ApiResult<u64> {
        let mut book = self.rules.0.lock();
        let mut head = book.head.clone();
        let Some(version) = head.before.pop() else {
            return Err(Problem::new(Code::Conflict, "no rules were published yet, so there is nothing to go back to"));
        };
        head.current = version;
        let before = self.published(version)?.map(|published| published.rules).unwrap_or_default();
        let rules = self.compile(&before, version)?;
        write(&*self.stores.settings, HEAD, &head)?;
        book.head = head;
        self.swap(|now| Ok(now.clone().with_rules(Arc::new(rules))))?;
        self.audit(actor, "rules.rollback", serde_json::json!({ "version": version }))?;
        Ok(version)
    }

    /// The newest first, with the one that is served.
    pub fn rule_versions(&self) -> ApiResult<(u64, Vec<Published>)> {
        const LISTED_MAX: u64 = 100;
        let head = self.rules.0.lock().head.clone();
        let versions = (1..=head.newest).rev().take(LISTED_MAX as usize);
        let published: Result<Vec<_>, StoreError> = versions.filter_map(|n| self.published(n).transpose()).collect();
        Ok((head.current, published?))
    }

    fn published(&self, version: u64) -> Result<Option<Published>, StoreError> {
        read(&*self.stores.settings, &version_key(version))
    }

    fn compile(&self, rules: &[Rule], version: u64) -> ApiResult<Rules> {
        let announced = self.config.calendar.announced.clone();
        Rules::new(version, rules.to_vec(), self.shop.currency, self.shop.zone(), announced).map_err(Problem::parameter)
    }

    /// The rules that are served when the shop opens.
    pub(super) fn load_rules(&self) -> anyhow::Result<()> {
        let version = self.rules.0.lock().head.current;
        let rules = self.published(version)?.map(|published| published.rules).unwrap_or_default();
        let rules = self.compile(&rules, version).map_err(|problem| anyhow::anyhow!("published rules: {problem:?}"))?;
        Ok(self.swap(|now| Ok(now.clone().with_rules(Arc::new(rules))))?)
    }

    fn snapshot_with(&self, rules: &[Rule], version: u64) -> ApiResult<Snapshot> {
        Ok((*self.snapshot()).clone().with_rules(Arc::new(self.compile(rules, version)?)))
    }

    /// What the draft would change on a placement for the shoppers who were here last; nothing is recorded.
    pub fn dry_run(&self, placement: PlacementId, shoppers: usize, n: usize) -> ApiResult<DryRun> {
        let draft = self.rules.0.lock().draft.clone();
        let now = self.snapshot();
        let then = self.snapshot_with(&draft, u64::MAX)?;
        let users = self.stores.profiles.recent(shoppers);
        let mut run = DryRun {
            shoppers: users.len(),
            conflicts: conflicts(&then, self.now()),
            placement,
            changed: 0,
            places_changed: 0.0,
            mean_price_minor: (None, None),
            products: Vec::new(),
            touched: BTreeMap::new(),
            notices: Vec::new(),
        };
        let (mut places, mut other, mut gains) = (0, 0, BTreeMap::<ProductId, i64>::new());
        let mut prices = [Prices::default(), Prices::default()];
        for user in users {
            let mut query = Query::of_user(run.placement.clone(), user, n, self.now());
            self.add_segments(&then, &mut query);
            let shopper = Shopper::read(&*self.stores.profiles, Some(user), None);
            let slate = |snapshot: &Snapshot, query: &Query| {
                // Without exploration, which would differ by itself.
                let policy = serve::Policy { exploration: None, ..self.policy(query) };
                serve::recommend(snapshot, &shopper, query, policy, slates::new_id())
            };
            let before = slate(&now, &query);
            let after = slate(&then, &Query { explain: true, ..query.clone() });
            let ids = |slate: &domain::Slate| -> Vec<ProductId> {
                slate.items.iter().map(|item| item.product_id.clone()).collect()
            };
            let (left, right) = (ids(&before), ids(&after));
            let differ = (0..left.len().max(right.len())).filter(|at| left.get(*at) != right.get(*at)).count();
            places += left.len().max(right.len());
            other += differ;
            run.changed += usize::from(differ > 0);
            left.iter().filter(|id| !right.contains(id)).for_each(|id| *gains.entry(id.clone()).or_default() -= 1);
            right.iter().filter(|id| !left.contains(id)).for_each(|id| *gains.entry(id.clone()).or_default() += 1);
            prices[0].add(&now, &left);
            prices[1].add(&then, &right);
            for rule in serve::rules::touched(&after) {
                *run.touched.entry(rule).or_default() += 1;
            }
            for notice in after.notices.into_iter().filter(|notice| notice.code == "pin_refused") {
                if !run.notices.contains(&notice) {
                    run.notices.push(notice);
                }
            }
        }
        run.places_changed = if places > 0 { other as f64 / places as f64 } else { 0.0 };
        run.mean_price_minor = (prices[0].mean(), prices[1].mean());
        run.products = gains.into_iter().filter(|(_, gain)| *gain != 0).collect();
        run.products.sort_by_key(|(_, gain)| std::cmp::Reverse(gain.abs()));
        run.products.truncate(20);
        Ok(run)
    }
}

/// Prices of products shown, in the shop's currency.
#[derive(Default)]
struct Prices {
    sum: i64,
    n: u32,
}

impl Prices {
    fn add(&mut self, snapshot: &Snapshot, ids: &[ProductId]) {
        for price in ids.iter().filter_map(|id| snapshot.shelf.get(id)?.price) {
            self.sum = self.sum.saturating_add(price.minor);
            self.n += 1;
        }
    }

    fn mean(&self) -> Option<f64> {
        (self.n > 0).then(|| self.sum as f64 / f64::from(self.n))
    }
}

fn no_rule(id: &RuleId) -> Problem {
    Problem::not_found(format!("no rule {id} in the draft"))
}

pub(super) fn check_seen(there: &impl Serialize, seen: &str) -> ApiResult<()> {
    let etag = etag(there);
    if seen == etag || seen == "*" {
        return Ok(());
    }
    Err(Problem::new(Code::Changed, format!("If-Match is {seen}, it is {etag} now; read it again, then change it")))
}
