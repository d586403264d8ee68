//! The shop's words: what happened ([`Event`]), what is sold ([`Product`]), who asked ([`Query`]) and what was
//! answered ([`Slate`]). No IO, no clock, no randomness: time arrives inside a value, identifiers arrive from outside.
//!
//! Read [`event`] first: everything else in the engine is folded, learned or counted from it.

pub mod calendar;
pub mod content;
pub mod event;
pub mod filter;
pub mod id;
pub mod money;
pub mod price;
pub mod product;
pub mod query;
pub mod rule;
pub mod schedule;
pub mod shop;
pub mod slate;
pub mod target;
pub mod time;
pub mod user;

pub use calendar::{Announced, Occasion, Occasions};
pub use content::{Budget, Content, ContentError, ContentKind, Text};
pub use event::{
    Channel, Consent, ConsentState, Event, EventKind, InteractionType, Line, Order, Position, Preference, Recorded,
};
pub use filter::{Filter, FilterError};
pub use id::{
    ContentId, IdError, MessageId, ModelVersion, OrderId, PlacementId, ProductId, RecommendationId, SessionId, UserKey,
};
pub use money::{Currency, Money, MoneyError};
pub use price::PricePoint;
pub use product::{Availability, Product};
pub use query::{Filters, Query};
pub use rule::{Action, Rule, RuleError, RuleId};
pub use schedule::{Moment, Schedule, ScheduleError, WallTime};
pub use shop::Shop;
pub use slate::{Notice, Reason, ScorePart, Slate, SlateItem, Source};
pub use target::{Situation, Target, TargetError};
pub use time::{TimeError, Timestamp};
pub use user::UserTraits;
