//! When an event happened, as far as its sender's clock can be believed.

use domain::{
    Channel, Timestamp,
    time::{DAY, SECOND},
};

use crate::Refusal;

/// Nothing happens later than this after it reached us: room for clocks that were set in between.
pub const FUTURE_MAX: i64 = 60 * SECOND;
/// Older than this only from the shop's own servers or an import.
pub const AGE_MAX: i64 = 30 * DAY;
/// 1990-01-01: what is earlier is a unit error (seconds read as milliseconds) or a dead clock battery.
const EARLIEST: Timestamp = Timestamp::from_seconds(631_152_000);

/// What the sender says about time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Said {
    /// When it happened, by the sender's clock.
    pub original: Option<Timestamp>,
    /// When it was sent, by the same clock.
    pub sent: Option<Timestamp>,
}

/// Segment's correction: `timestamp = receivedAt − (sentAt − originalTimestamp)`. A clock that is wrong by any amount
/// cancels out; only the time on the way is added. Without `sentAt` the sender's time stands; with neither, the
/// event happened when it came. Never later than `received + 60 s`.
pub fn corrected(said: Said, received: Timestamp) -> Timestamp {
    let at = match said {
        Said { original: Some(original), sent: Some(sent) } => received - (sent - original),
        Said { original: Some(original), sent: None } => original,
        Said { original: None, .. } => received,
    };
    at.min(received + FUTURE_MAX)
}

/// # Errors
/// `too_old` for a browser or webhook event of more than 30 days ago, `out_of_range` before 1990.
pub fn check_age(occurred: Timestamp, received: Timestamp, channel: Channel) -> Result<(), Refusal> {
    if occurred < EARLIEST {
        return Err(Refusal::out_of_range("timestamp", occurred, "1990 or later; check its unit"));
    }
    let believed = matches!(channel, Channel::Server | Channel::Import);
    if !believed && received - occurred > AGE_MAX {
        return Err(Refusal::new(
            "too_old",
            format!(
                "the event happened at {occurred}, over 30 days ago; send old events with a server key or an import"
            ),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_clock_an_hour_ahead_is_put_right() {
        let said = Said { original: Some(at("2026-07-28T16:00:00Z")), sent: Some(at("2026-07-28T16:00:05Z")) };
        assert_eq!(corrected(said, at("2026-07-28T15:00:06Z")), at("2026-07-28T15:00:01Z"));
    }

    #[test]
    fn old_events_need_a_server_key() {
        let (occurred, received) = (at("2026-06-01T00:00:00Z"), at("2026-07-28T00:00:00Z"));
        assert_eq!(check_age(occurred, received, Channel::Browser).unwrap_err().code, "too_old");
        assert_eq!(check_age(occurred, received, Channel::Webhook).unwrap_err().code, "too_old");
        assert_eq!(check_age(occurred, received, Channel::Server), Ok(()));
        assert_eq!(check_age(at("1970-01-20T00:00:00Z"), received, Channel::Import).unwrap_err().code, "out_of_range");
    }

    proptest! {
        /// Two senders who did the same thing at the same moment, one with a wrong clock, end at the same time.
        #[test]
        fn the_sender_s_clock_error_cancels_out(happened in 0i64..4_000_000_000_000_000, waited in 0i64..DAY, skew in -10 * 365 * DAY..10 * 365 * DAY, way in 0i64..60 * SECOND) {
            let true_time = Timestamp::from_micros(happened);
            let received = true_time + waited + way;
            let said = Said { original: Some(true_time + skew), sent: Some(true_time + waited + skew) };
            prop_assert_eq!(corrected(said, received), true_time + way);
        }

        #[test]
        fn never_later_than_a_minute_from_now(original in any::<Option<i64>>(), sent in any::<Option<i64>>(), received in -1i64 << 60..1i64 << 60) {
            let said = Said { original: original.map(Timestamp::from_micros), sent: sent.map(Timestamp::from_micros) };
            let received = Timestamp::from_micros(received);
            prop_assert!(corrected(said, received) <= received + FUTURE_MAX);
        }
    }
}
