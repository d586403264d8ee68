//! The door of one shop: whatever comes in, each event ends in exactly one of the log, the verdict "duplicate", or
//! quarantine, and the caller is told which.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use domain::{
    Channel, Consent, ConsentState, Event, MessageId, PlacementId, Position, RecommendationId, SessionId, Shop,
    Timestamp, UserKey,
};
use privacy::{ConsentPolicy, Decision, Pseudonyms, anonymise, redact_page, redact_text};
use serde::Serialize;
use serde_json::{Value, value::RawValue};
use store::{Appended, EventLog, Quarantine, Quarantined, StoreError};

use crate::{
    Refusal, clock,
    raw::{EVENT_BYTES_MAX, RawEvent, Reading},
    set_aside,
};

/// Rows in quarantine after which further ones are only counted: a flood of rubbish must not fill the disk.
const QUARANTINE_ROWS_MAX: u64 = 100_000;
/// Longest id of a person; it is hashed, so the bound is only against abuse.
const PERSON_BYTES_MAX: usize = 512;

/// Says whether a recommendation id was made here: then a click on it may count for the slate.
pub type Verify = Arc<dyn Fn(&RecommendationId) -> bool + Send + Sync>;

/// What a collector is made of.
pub struct Setup {
    pub shop: Shop,
    pub log: Arc<dyn EventLog>,
    pub quarantine: Arc<dyn Quarantine>,
    pub pseudonyms: Pseudonyms,
    pub policy: ConsentPolicy,
    /// Without one, every recommendation id is believed.
    pub verify: Option<Verify>,
}

/// Collects the events of one shop; shared by all who bring some.
pub struct Collector {
    setup: Setup,
    reading: Reading,
    n_quarantined: AtomicU64,
}

/// Events that came together, and how they came.
#[derive(Debug)]
pub struct Batch {
    pub events: Vec<Incoming>,
    /// When the batch was sent, by the sender's clock; an event's own `sentAt` wins.
    pub sent_at: Option<Timestamp>,
    /// When it reached us, by ours.
    pub received_at: Timestamp,
    pub channel: Channel,
    /// What the sender's consent is where an event does not say.
    pub consent: Consent,
    /// For quarantine: `api`, `kafka`, …
    pub origin: String,
}

impl Batch {
    pub fn new(events: Vec<Incoming>, channel: Channel, received_at: Timestamp) -> Self {
        let consent = Consent::default();
        Self { events, sent_at: None, received_at, channel, consent, origin: channel.as_str().to_owned() }
    }
}

/// One event, in whatever stage of reading it arrives.
#[derive(Debug)]
pub enum Incoming {
    Json(Box<RawValue>),
    Value(Value),
    Raw(Box<RawEvent>),
}

impl From<Box<RawValue>> for Incoming {
    fn from(json: Box<RawValue>) -> Self {
        Self::Json(json)
    }
}

impl From<Value> for Incoming {
    fn from(value: Value) -> Self {
        Self::Value(value)
    }
}

impl From<RawEvent> for Incoming {
    fn from(raw: RawEvent) -> Self {
        Self::Raw(Box::new(raw))
    }
}

/// What became of a batch. Every event of it is counted once: accepted, duplicate, ignored, withheld or rejected.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Verdicts {
    pub accepted: u64,
    pub duplicates: u64,
    /// Understood and no event of a shopper, such as Segment's `identify`.
    pub ignored: u64,
    /// Not kept because the shopper refused.
    pub withheld: u64,
    pub rejected: Vec<Rejection>,
    /// The place in the log of each accepted event, by its place in the batch.
    #[serde(skip)]
    pub positions: Vec<Option<Position>>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Rejection {
    /// Place in the batch, from 0.
    pub index: usize,
    pub code: &'static str,
    pub detail: String,
}

/// What one incoming event turned out to be.
pub(crate) enum Examined {
    Event(Box<Event>),
    Ignored,
    Withheld,
}

/// A refusal with what quarantine will keep of the input.
pub(crate) struct Refused {
    pub refusal: Refusal,
    pub raw: String,
}

/// How a batch came, for the examination of each of its events.
pub(crate) struct Arrival {
    pub sent_at: Option<Timestamp>,
    pub received_at: Timestamp,
    pub channel: Channel,
    pub consent: Consent,
}

impl Collector {
    /// # Errors
    /// When quarantine can't be counted.
    pub fn new(setup: Setup) -> Result<Self, StoreError> {
        let n_quarantined = setup.quarantine.counts()?.iter().map(|(_, n)| n).sum();
        let reading =
            Reading { currency: setup.shop.currency, zone: setup.shop.zone(), received_at: Timestamp::default() };
        Ok(Self { setup, reading, n_quarantined: AtomicU64::new(n_quarantined) })
    }

    pub fn shop(&self) -> &Shop {
        &self.setup.shop
    }

    pub fn pseudonyms(&self) -> &Pseudonyms {
        &self.setup.pseudonyms
    }

    pub fn log(&self) -> &Arc<dyn EventLog> {
        &self.setup.log
    }

    /// Answers when the good events are durable and folded into profiles. A bad event never harms a good one.
    ///
    /// # Errors
    /// Only of the log: nothing was acknowledged, and the same batch may be sent again.
    pub async fn accept(&self, batch: Batch) -> Result<Verdicts, StoreError> {
        let n = batch.events.len();
        let (origin, received_at) = (batch.origin, batch.received_at);
        let arrival = Arrival { sent_at: batch.sent_at, received_at, channel: batch.channel, consent: batch.consent };
        let mut verdicts = Verdicts { positions: vec![None; n], ..Verdicts::default() };
        let (mut events, mut indexes, mut set_aside) = (Vec::with_capacity(n), Vec::with_capacity(n), Vec::new());

        for (index, incoming) in batch.events.into_iter().enumerate() {
            match self.examine(incoming, &arrival) {
                Ok(Examined::Event(event)) => {
                    events.push(*event);
                    indexes.push(index);
                }
                Ok(Examined::Ignored) => verdicts.ignored += 1,
                Ok(Examined::Withheld) => verdicts.withheld += 1,
                Err(Refused { refusal, raw }) => {
                    set_aside.push(set_aside::quarantined(&refusal, format!("{origin}[{index}]"), raw, received_at));
                    verdicts.rejected.push(Rejection { index, code: refusal.code, detail: refusal.detail });
                }
            }
        }

        let appended = if events.is_empty() { Vec::new() } else { self.setup.log.append(events).await? };
        for (index, appended) in indexes.into_iter().zip(appended) {
            match appended {
                Appended::New(position) => {
                    verdicts.accepted += 1;
                    verdicts.positions[index] = Some(position);
                }
                Appended::Duplicate => verdicts.duplicates += 1,
            }
        }
        self.set_aside(&set_aside);
        Ok(verdicts)
    }

    /// From input to an event that may be appended: parse, correct the clock, ask consent, identify, attribute, check.
    pub(crate) fn examine(&self, incoming: Incoming, arrival: &Arrival) -> Result<Examined, Refused> {
        let (raw, value) = match incoming {
            Incoming::Raw(raw) => (*raw, None),
            Incoming::Value(value) => match self.read(value, arrival)? {
                Some((raw, value)) => (raw, Some(value)),
                None => return Ok(Examined::Ignored),
            },
            Incoming::Json(json) => match self.read(parse(&json)?, arrival)? {
                Some((raw, value)) => (raw, Some(value)),
                None => return Ok(Examined::Ignored),
            },
        };
        self.judge(&raw, arrival).map_err(|refusal| {
            let value = value.unwrap_or_else(|| serde_json::to_value(&raw).unwrap_or(Value::Null));
            self.refused(refusal, &value)
        })
    }

    fn read(&self, value: Value, arrival: &Arrival) -> Result<Option<(RawEvent, Value)>, Refused> {
        let reading = Reading { received_at: arrival.received_at, ..self.reading.clone() };
        match RawEvent::from_json(&value, &reading) {
            Ok(raw) => Ok(raw.map(|raw| (raw, value))),
            Err(refusal) => Err(self.refused(refusal, &value)),
        }
    }

    fn judge(&self, raw: &RawEvent, arrival: &Arrival) -> Result<Examined, Refusal> {
        let consent = filled(raw.consent, arrival.consent);
        let decision = self.setup.policy.decide(raw.kind, consent);
        if decision == Decision::Drop {
            return Ok(Examined::Withheld);
        }
        let said = clock::Said { sent: raw.sent_at.or(arrival.sent_at), ..raw.said() };
        let occurred_at = clock::corrected(said, arrival.received_at);
        clock::check_age(occurred_at, arrival.received_at, arrival.channel)?;
        let (user, anonymous) = self.identify(raw, arrival.channel, decision)?;
        let mut event = Event {
            message_id: MessageId::new(&raw.message_id)?,
            kind: raw.kind,
            user,
            anonymous,
            session_id: raw.session_id.as_deref().map(SessionId::new).transpose()?,
            occurred_at,
            received_at: arrival.received_at,
            channel: arrival.channel,
            consent,
            placement: raw.placement.as_deref().map(PlacementId::new).transpose()?,
            recommendation_id: self.attribute(raw)?,
            products: raw.products.clone(),
            order: raw.order.clone(),
            details: raw.details.clone(),
        };
        event.check()?;
        match decision {
            Decision::Anonymise => anonymise(&mut event, &self.setup.pseudonyms, &self.setup.shop.name),
            Decision::Keep | Decision::Drop => redact(&mut event),
        }
        Ok(Examined::Event(Box::new(event)))
    }

    /// The known user where there is one, else the visitor, else the session; and the visitor beside a known user.
    fn identify(
        &self,
        raw: &RawEvent,
        channel: Channel,
        decision: Decision,
    ) -> Result<(UserKey, Option<UserKey>), Refusal> {
        let (shop, pseudonyms) = (self.setup.shop.name.as_str(), &self.setup.pseudonyms);
        let key = |field, id: &Option<String>, make: &dyn Fn(&str) -> UserKey| match id.as_deref() {
            Some(id) => person(field, id, channel, make).map(Some),
            None => Ok(None),
        };
        let known = key("user_id", &raw.user_id, &|id| pseudonyms.known(shop, id))?;
        let anonymous = key("anonymous_id", &raw.anonymous_id, &|id| pseudonyms.anonymous(shop, id))?;
        let session = || key("session_id", &raw.session_id, &|id| pseudonyms.anonymous(shop, id));
        match (known, anonymous) {
            (Some(known), anonymous) => Ok((known, anonymous)),
            (None, Some(anonymous)) => Ok((anonymous, None)),
            (None, None) => match session()? {
                Some(session) => Ok((session, None)),
                None if decision == Decision::Anonymise => Ok((UserKey::NOBODY, None)),
                None => Err(Refusal::missing("user_id", "send user_id, anonymous_id or session_id")),
            },
        }
    }

    /// An id that was not made here would credit a slate with what it did not do.
    fn attribute(&self, raw: &RawEvent) -> Result<Option<RecommendationId>, Refusal> {
        let id = raw.recommendation_id.as_deref().map(RecommendationId::new).transpose()?;
        Ok(id.filter(|id| self.setup.verify.as_ref().is_none_or(|verify| verify(id))))
    }

    fn refused(&self, refusal: Refusal, value: &Value) -> Refused {
        let raw = set_aside::without_identity(value, &self.setup.pseudonyms, &self.setup.shop.name);
        Refused { refusal, raw }
    }

    /// Tells that rows left the quarantine, so that there is room for others.
    pub fn released(&self, n_rows: u64) {
        // Saturating: the count is of rows that this collector knows of.
        let _ = self.n_quarantined.fetch_update(Relaxed, Relaxed, |n| Some(n.saturating_sub(n_rows)));
    }

    /// The caller was told what is wrong with each of these, so failing to keep them loses nothing it relies on.
    pub(crate) fn set_aside(&self, rows: &[Quarantined]) {
        if rows.is_empty() {
            return;
        }
        let room = QUARANTINE_ROWS_MAX.saturating_sub(self.n_quarantined.load(Relaxed)) as usize;
        let rows_kept = &rows[..rows.len().min(room)];
        if rows_kept.len() < rows.len() {
            tracing::warn!(rows = rows.len() - rows_kept.len(), "quarantine is full; refused rows were only counted");
        }
        match self.setup.quarantine.put(rows_kept) {
            Ok(()) => drop(self.n_quarantined.fetch_add(rows_kept.len() as u64, Relaxed)),
            Err(error) => tracing::warn!(%error, rows = rows.len(), "refused rows were not quarantined"),
        }
    }
}

fn parse(json: &RawValue) -> Result<Value, Refused> {
    let text = json.get();
    let refused = |refusal| Refused { refusal, raw: set_aside::unreadable(text.len()) };
    if text.len() > EVENT_BYTES_MAX {
        let detail = format!("the event has {} bytes, at most {EVENT_BYTES_MAX} are accepted; send less", text.len());
        return Err(refused(Refusal::new("too_large", detail)));
    }
    serde_json::from_str(text).map_err(|error| refused(Refusal::new("unreadable", error.to_string())))
}

/// A purpose on which the event is silent takes the batch's answer.
fn filled(said: Consent, default: Consent) -> Consent {
    let or = |said, default| if said == ConsentState::Unknown { default } else { said };
    Consent {
        personalization: or(said.personalization, default.personalization),
        analytics: or(said.analytics, default.analytics),
        marketing: or(said.marketing, default.marketing),
    }
}

/// A plain id becomes its key. A key is accepted in place of an id from whoever may hold keys (a mended event out of
/// quarantine); a plain id never starts like one.
fn person(field: &str, id: &str, channel: Channel, make: &dyn Fn(&str) -> UserKey) -> Result<UserKey, Refusal> {
    let id = id.trim();
    if id.starts_with(UserKey::PREFIX) {
        let key = id.parse::<UserKey>().ok().filter(|key| !key.is_nobody());
        let trusted = matches!(channel, Channel::Server | Channel::Import);
        return key.filter(|_| trusted).ok_or_else(|| {
            Refusal::new("bad_id", format!("`{field}` may not start with '~'; send the shop's own id"))
        });
    }
    if id.is_empty() || id.len() > PERSON_BYTES_MAX {
        let detail = format!("`{field}` has {} bytes, 1 to {PERSON_BYTES_MAX} are accepted", id.len());
        return Err(Refusal::new("bad_id", detail));
    }
    Ok(make(id))
}

/// Contact data leaves the free text before the log: what was never written need not be erased.
fn redact(event: &mut Event) {
    let details = &mut event.details;
    for text in [&mut details.query, &mut details.review].into_iter().flatten() {
        if let std::borrow::Cow::Owned(clean) = redact_text(text) {
            *text = clean;
        }
    }
    if let Some(page) = &mut details.page
        && let std::borrow::Cow::Owned(clean) = redact_page(page)
    {
        *page = clean;
    }
}
