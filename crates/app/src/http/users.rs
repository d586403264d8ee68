//! Who buys: what the shop told us, what we folded, and the right to be forgotten.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State};
use domain::{InteractionType, Money, Timestamp, UserKey, UserTraits};
use features::Profile;
use serde::{Deserialize, Serialize};
use serve::Snapshot;
use utoipa::{IntoParams, ToSchema};

use super::{
    extract::{ApiJson, ApiPath, ApiQuery},
    problem::{Problem, Result},
    products::parse,
};
use crate::engine::{Engine, Shares};

/// What the shop tells us about one user.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserBody {
    user_id: String,
    /// The shop's own segment, such as `vip`
    #[serde(default)]
    segment: Option<String>,
    /// Declared preferences: category names
    #[serde(default)]
    preferences: Vec<String>,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

/// Longest accepted text of a trait, and most preferences and attributes of a user.
const TRAIT_BYTES_MAX: usize = 1_000;
const TRAITS_MAX: usize = 100;

impl UserBody {
    fn check(&self) -> Result<()> {
        let attributes = self.attributes.iter().flat_map(|(name, value)| [name, value]);
        let longest = self.segment.iter().chain(&self.preferences).chain(attributes).map(String::len).max();
        let most = self.preferences.len().max(self.attributes.len());
        if longest.unwrap_or(0) > TRAIT_BYTES_MAX || most > TRAITS_MAX {
            return Err(Problem::parameter(format!(
                "user {}: at most {TRAITS_MAX} preferences and attributes of {TRAIT_BYTES_MAX} bytes each are accepted",
                self.user_id.chars().take(64).collect::<String>()
            )));
        }
        Ok(())
    }
}

/// One user or several.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "documents the body; the handler reads it by hand for better errors")]
pub enum UsersBody {
    One(Box<UserBody>),
    Many(Vec<UserBody>),
}

/// Inserts or replaces what the shop knows of its users. Ids are kept as pseudonyms.
#[utoipa::path(put, path = "/v1/users", tag = "users", request_body = UsersBody,
    responses((status = 200, body = Object), (status = 400, body = Problem)))]
pub async fn put(
    State(engine): State<Arc<Engine>>,
    ApiJson(body): ApiJson<serde_json::Value>,
) -> Result<Json<serde_json::Value>> {
    let bodies: Vec<UserBody> = if body.is_array() { parse(body)? } else { vec![parse(body)?] };
    let users = bodies
        .into_iter()
        .map(|body| {
            let key = engine.user_key(&body.user_id)?;
            body.check()?;
            let UserBody { segment, preferences, attributes, .. } = body;
            Ok((key, UserTraits { segment, preferences, attributes }))
        })
        .collect::<Result<Vec<_>>>()?;
    let stored = users.len();
    let store = engine.stores.users.clone();
    engine.blocking(move || store.upsert(&users)).await?;
    Ok(Json(serde_json::json!({ "stored": stored })))
}

#[derive(Debug, Serialize, ToSchema)]
pub struct UserAnswer {
    /// A pseudonym
    user: String,
    /// Did the shop tell us about this user?
    known: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    segment: Option<String>,
    preferences: Vec<String>,
    #[schema(value_type = Option<String>)]
    first_seen_at: Option<Timestamp>,
    #[schema(value_type = Option<String>)]
    last_seen_at: Option<Timestamp>,
    interactions: u64,
    purchases: u32,
    total_spent: Option<MoneyBody>,
    average_purchase: Option<MoneyBody>,
    price_band: Option<BandBody>,
    categories: Vec<ShareBody>,
    brands: Vec<ShareBody>,
    history: Vec<HistoryBody>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct MoneyBody {
    minor: i64,
    #[schema(value_type = String)]
    currency: domain::Currency,
    formatted: String,
}

impl From<Money> for MoneyBody {
    fn from(money: Money) -> Self {
        Self { minor: money.minor, currency: money.currency, formatted: money.to_string() }
    }
}

/// Where about two thirds of the prices lie that the user looked at and paid.
#[derive(Debug, Serialize, ToSchema)]
pub struct BandBody {
    low: MoneyBody,
    typical: MoneyBody,
    high: MoneyBody,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ShareBody {
    name: String,
    share: f64,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct HistoryBody {
    product_id: String,
    name: Option<String>,
    price: Option<String>,
    /// The interaction that says most
    interaction_type: Option<&'static str>,
    count: u32,
    #[schema(value_type = String)]
    last_at: Timestamp,
}

/// Products of the history in the answer.
const HISTORY_SHOWN: usize = 50;
const SHARES_SHOWN: usize = 8;

/// Profile and history of a user, by the shop's id or by pseudonym (`~…`).
#[utoipa::path(get, path = "/v1/users/{id}", tag = "users", params(("id" = String, Path)),
    responses((status = 200, body = UserAnswer), (status = 404, body = Problem)))]
pub async fn get(State(engine): State<Arc<Engine>>, ApiPath(id): ApiPath) -> Result<Json<UserAnswer>> {
    let key = engine.user_key(&id)?;
    let stores = engine.stores.clone();
    let (profile, traits) = engine.blocking(move || Ok((stores.profiles.get(key)?, stores.users.get(key)?))).await?;
    if profile.is_none() && traits.is_none() {
        return Err(Problem::not_found(format!("no user {id}: nothing was sent about this id, or it was erased")));
    }
    let profile = profile.unwrap_or_default();
    Ok(Json(body(key, &profile, traits, &engine.snapshot(), &engine)))
}

fn body(
    key: UserKey,
    profile: &Profile,
    traits: Option<UserTraits>,
    snapshot: &Snapshot,
    engine: &Engine,
) -> UserAnswer {
    let currency = engine.shop.currency;
    let money = |minor: f64| MoneyBody::from(Money::new(minor.round() as i64, currency));
    let average = profile.avg_purchase_value_user(currency);
    let shares = |affinities: Shares| {
        affinities.into_iter().take(SHARES_SHOWN).map(|(name, share)| ShareBody { name, share }).collect()
    };
    let (categories, brands) = engine.affinities(profile, snapshot);
    let history = profile.history().iter().take(HISTORY_SHOWN).map(|entry| {
        let product = snapshot.shelf.get(&entry.product_id);
        HistoryBody {
            product_id: entry.product_id.to_string(),
            name: product.map(|p| p.name.clone()),
            price: product.and_then(|p| p.price).map(|m| m.to_string()),
            interaction_type: entry.strongest().map(InteractionType::as_str),
            count: entry.strongest().map_or(0, |kind| entry.counts.of(kind)),
            last_at: entry.last_at,
        }
    });
    let known = traits.is_some();
    let UserTraits { segment, preferences, .. } = traits.unwrap_or_default();
    UserAnswer {
        user: key.to_string(),
        known,
        segment,
        preferences,
        first_seen_at: profile.first_seen(),
        last_seen_at: profile.last_seen(),
        interactions: profile.n_interactions(),
        purchases: profile.total_purchases_user(),
        total_spent: average.map(|_| profile.total_spent_user(currency).into()),
        average_purchase: average.map(money),
        price_band: profile.price_band(currency).map(|band| {
            let (low, high) = band.range_minor();
            BandBody { low: money(low), typical: money(band.typical_minor()), high: money(high) }
        }),
        categories: shares(categories),
        brands: shares(brands),
        history: history.collect(),
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Recent {
    /// How many [default: 20, at most 200]
    limit: Option<usize>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct RecentUsers {
    data: Vec<RecentUser>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct RecentUser {
    user: String,
    #[schema(value_type = Option<String>)]
    last_event_at: Option<Timestamp>,
    interactions: u64,
}

/// Some users who were active lately, as pseudonyms.
#[utoipa::path(get, path = "/v1/users", tag = "users", params(Recent), responses((status = 200, body = RecentUsers)))]
pub async fn recent(State(engine): State<Arc<Engine>>, ApiQuery(query): ApiQuery<Recent>) -> Result<Json<RecentUsers>> {
    let limit = query.limit.unwrap_or(20).clamp(1, 200);
    let profiles = engine.stores.profiles.clone();
    let data = engine
        .blocking(move || {
            profiles
                .recent(limit)
                .into_iter()
                .map(|user| {
                    let profile = profiles.get(user)?.unwrap_or_default();
                    let (last_event_at, interactions) = (profile.last_seen(), profile.n_interactions());
                    Ok(RecentUser { user: user.to_string(), last_event_at, interactions })
                })
                .collect::<store::Result<Vec<_>>>()
        })
        .await?;
    Ok(Json(RecentUsers { data }))
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Erased {
    receipts: Vec<ReceiptBody>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ReceiptBody {
    receipt_id: String,
    #[schema(value_type = String)]
    requested_at: Timestamp,
    #[schema(value_type = String)]
    completed_at: Timestamp,
    /// What was removed, by store
    removed: BTreeMap<String, u64>,
}

/// Forgets a user: log rows, profile, lake rows, traits. The answer is the receipt; models lose the user at the next
/// training and hold no row of a person meanwhile.
#[utoipa::path(delete, path = "/v1/users/{id}", tag = "users", params(("id" = String, Path)),
    responses((status = 200, body = Erased), (status = 400, body = Problem)))]
pub async fn delete(State(engine): State<Arc<Engine>>, ApiPath(id): ApiPath) -> Result<Json<Erased>> {
    let key = engine.user_key(&id)?;
    let worker = engine.clone();
    let receipts = engine.blocking(move || worker.erase(key, "api")).await?;
    let receipts = receipts
        .into_iter()
        .map(|receipt| ReceiptBody {
            receipt_id: receipt.receipt_id,
            requested_at: receipt.requested_at,
            completed_at: receipt.completed_at,
            removed: receipt.removed.into_iter().collect(),
        })
        .collect();
    Ok(Json(Erased { receipts }))
}
