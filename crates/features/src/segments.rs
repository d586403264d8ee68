//! Groups of users that people can name: how much a user does here, and RFM (recency, frequency, monetary value).

use domain::{Currency, Timestamp};
use serde::{Deserialize, Serialize};

use crate::profile::Profile;

/// How much a user does here: what evaluation reports by, and hybrids switch by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activity {
    New,
    Casual,
    Frequent,
}

impl Activity {
    /// Below five interactions a history says little; from fifty on it says nearly all.
    pub fn of(n_interactions: u64) -> Self {
        match n_interactions {
            0..5 => Self::New,
            5..50 => Self::Casual,
            _ => Self::Frequent,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Casual => "casual",
            Self::Frequent => "frequent",
        }
    }
}

/// What RFM looks at, of a user who has bought.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Rfm {
    /// Days since the last order.
    pub recency_days: f64,
    /// Orders.
    pub frequency: f64,
    /// Goods kept, in minor units.
    pub monetary_minor: f64,
}

impl Rfm {
    /// `None` for a user who has kept nothing yet.
    pub fn of(profile: &Profile, currency: Currency, now: Timestamp) -> Option<Self> {
        let last = profile.last_purchase_at()?;
        Some(Self {
            recency_days: now.days_since(last),
            frequency: profile.total_purchases_user().into(),
            monetary_minor: profile.total_spent_user(currency).minor as f64,
        })
    }
}

/// The four cuts between five equal groups of a shop's buyers, each ascending.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Cuts {
    pub recency_days: [f64; 4],
    pub frequency: [f64; 4],
    pub monetary_minor: [f64; 4],
}

/// 1 (worst) to 5 (best) each.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct RfmScores {
    pub recency: u8,
    pub frequency: u8,
    pub monetary: u8,
}

impl Cuts {
    pub fn of(buyers: &[Rfm]) -> Self {
        let cuts = |value: fn(&Rfm) -> f64| quintile_cuts(buyers.iter().map(value).collect());
        Self {
            recency_days: cuts(|rfm| rfm.recency_days),
            frequency: cuts(|rfm| rfm.frequency),
            monetary_minor: cuts(|rfm| rfm.monetary_minor),
        }
    }

    pub fn score(&self, rfm: Rfm) -> RfmScores {
        RfmScores {
            // The fewer days, the better.
            recency: 6 - group(&self.recency_days, rfm.recency_days),
            frequency: group(&self.frequency, rfm.frequency),
            monetary: group(&self.monetary_minor, rfm.monetary_minor),
        }
    }
}

impl RfmScores {
    /// The `user_segment_group`, by the usual reading of recency against frequency.
    pub fn segment(self) -> &'static str {
        match (self.recency, self.frequency.max(self.monetary)) {
            (4.., 4..) => "champion",
            (3, 3..) => "loyal",
            (4.., 2..) => "promising",
            (4.., _) => "new_buyer",
            (..=2, 4..) => "at_risk",
            (..=2, ..=2) => "lost",
            _ => "needs_attention",
        }
    }
}

/// Values at 20, 40, 60 and 80 % by nearest rank; zeros when there are none.
fn quintile_cuts(mut values: Vec<f64>) -> [f64; 4] {
    values.retain(|value| value.is_finite());
    values.sort_by(f64::total_cmp);
    std::array::from_fn(|i| {
        let rank = (values.len() * (i + 1)).div_ceil(5);
        values.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
    })
}

/// 1 at or below the first cut … 5 above the last.
fn group(cuts: &[f64; 4], value: f64) -> u8 {
    1 + cuts.iter().filter(|cut| value > **cut).count() as u8
}
