//! What an event may do, given what the shopper allowed: the first of the three places that enforce consent
//! (training and serving are the others).

use domain::{ConsentState, Event, EventKind, MessageId, UserKey, event::Consent};
use serde::{Deserialize, Serialize};

use crate::Pseudonyms;

/// How the shop treats silence. A stated refusal of personalization is honoured under every policy.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsentPolicy {
    /// Only a stated permission for personalization lets an event be personal: opt-in, as Ley 29733 and GDPR want it.
    #[default]
    Require,
    /// Silence about personalization is read from the other answers: whoever refused analytics or marketing is taken
    /// to refuse this too; whoever refused nothing allows it.
    Infer,
    /// The shop has its consent elsewhere: silence allows.
    Off,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decision {
    /// Goes to the log under the user's key.
    Keep,
    /// Goes to the log as nobody's: it counts in totals and shapes no profile.
    Anonymise,
    /// Does not go to the log.
    Drop,
}

impl ConsentPolicy {
    /// Orders, refunds and cancellations are never dropped: the shop's books need them, as nobody's.
    pub fn decide(self, kind: EventKind, consent: Consent) -> Decision {
        if self.allows_personalization(consent) {
            return Decision::Keep;
        }
        let is_books = matches!(kind, EventKind::OrderCompleted | EventKind::OrderRefunded | EventKind::OrderCancelled);
        if consent.analytics == ConsentState::Denied && !is_books { Decision::Drop } else { Decision::Anonymise }
    }

    pub fn allows_personalization(self, consent: Consent) -> bool {
        match (consent.personalization, self) {
            (ConsentState::Granted, _) => true,
            (ConsentState::Denied, _) | (ConsentState::Unknown, Self::Require) => false,
            (ConsentState::Unknown, Self::Infer) => {
                consent.analytics != ConsentState::Denied && consent.marketing != ConsentState::Denied
            }
            (ConsentState::Unknown, Self::Off) => true,
        }
    }
}

/// Takes out of an event all that could lead back to a person or tie two events of one person together.
///
/// Kept: what happened, when, where (placement), the products and the money, so that totals stay true; and the order
/// id, without which an order could count twice or its refund be lost. The message id becomes a keyed hash of itself:
/// a retry is still recognised.
pub fn anonymise(event: &mut Event, pseudonyms: &Pseudonyms, shop: &str) {
    let hashed = pseudonyms.text(shop, event.message_id.as_str());
    event.message_id = MessageId::new(hashed).expect("32 hexadecimal digits are a message id");
    event.user = UserKey::NOBODY;
    event.anonymous = None;
    event.session_id = None;
    event.recommendation_id = None;
    let details = &mut event.details;
    for text in [&mut details.query, &mut details.review, &mut details.page, &mut details.cart_id, &mut details.coupon]
    {
        *text = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ConsentState::{Denied, Granted, Unknown};
    use Decision::{Anonymise, Drop, Keep};

    fn decide(policy: ConsentPolicy, kind: EventKind, personalization: ConsentState, others: ConsentState) -> Decision {
        policy.decide(kind, Consent { personalization, analytics: others, marketing: others })
    }

    #[test]
    fn the_whole_table_for_a_view() {
        let table = [
            // policy, personalization: Granted, Denied, Unknown (all else unknown), Unknown (all else denied)
            (ConsentPolicy::Require, [Keep, Anonymise, Anonymise, Drop]),
            (ConsentPolicy::Infer, [Keep, Anonymise, Keep, Drop]),
            (ConsentPolicy::Off, [Keep, Anonymise, Keep, Keep]),
        ];
        for (policy, expected) in table {
            let of = |personalization, others| decide(policy, EventKind::ProductViewed, personalization, others);
            let got = [of(Granted, Unknown), of(Denied, Unknown), of(Unknown, Unknown), of(Unknown, Denied)];
            assert_eq!(got, expected, "{policy:?}");
        }
    }

    #[test]
    fn an_order_is_kept_for_the_books_as_nobodys() {
        assert_eq!(decide(ConsentPolicy::Require, EventKind::OrderCompleted, Denied, Denied), Anonymise);
        assert_eq!(decide(ConsentPolicy::Require, EventKind::ProductViewed, Denied, Denied), Drop);
    }
}
