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

#[cfg(test)]
mod tests {
    use super::*;

    fn buyer(recency_days: f64, frequency: f64, monetary_minor: f64) -> Rfm {
        Rfm { recency_days, frequency, monetary_minor }
    }

    #[test]
    fn scores_by_hand() {
        // Ten buyers: bought 1 to 10 days ago, 10 down to 1 orders, 1,000 down to 100 céntimos.
        let buyers: Vec<_> = (1..=10).map(f64::from).map(|i| buyer(i, 11.0 - i, (11.0 - i) * 100.0)).collect();
        let cuts = Cuts::of(&buyers);
        assert_eq!(cuts.recency_days, [2.0, 4.0, 6.0, 8.0]);
        assert_eq!(cuts.monetary_minor, [200.0, 400.0, 600.0, 800.0]);
        let scores: Vec<_> = buyers.iter().map(|rfm| cuts.score(*rfm).recency).collect();
        assert_eq!(scores, [5, 5, 4, 4, 3, 3, 2, 2, 1, 1]);
        assert_eq!(cuts.score(buyers[0]), RfmScores { recency: 5, frequency: 5, monetary: 5 });
        assert_eq!(cuts.score(buyers[0]).segment(), "champion");
        assert_eq!(cuts.score(buyers[9]).segment(), "lost");
        assert_eq!(cuts.score(buyer(30.0, 9.0, 900.0)).segment(), "at_risk");
        assert_eq!(cuts.score(buyer(0.0, 1.0, 100.0)).segment(), "new_buyer");
    }

    #[test]
    fn cuts_of_nobody_or_of_equals_are_no_trouble() {
        assert_eq!(Cuts::of(&[]), Cuts::default());
        let cuts = Cuts::of(&[buyer(3.0, 1.0, 50.0); 4]);
        assert_eq!(cuts.score(buyer(3.0, 1.0, 50.0)), RfmScores { recency: 5, frequency: 1, monetary: 1 });
    }

    #[test]
    fn every_score_has_a_segment() {
        for recency in 1..=5 {
            for frequency in 1..=5 {
                let scores = RfmScores { recency, frequency, monetary: 1 };
                assert!(!scores.segment().is_empty());
            }
        }
        assert_eq!([0, 5, 50].map(|n| Activity::of(n).as_str()), ["new", "casual", "frequent"]);
    }
}
