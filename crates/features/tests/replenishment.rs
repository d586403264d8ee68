//! Purchase days in any order, and rhythms by hand.

mod events;

use std::f64::consts::LN_2;

use domain::{EventKind, ProductId, Recorded, Timestamp, time::DAY};
use events::{Random, START, event, order, product_id, recorded};
use features::{
    HistoryEntry, Profile, PurchaseDays, Replenishment, Rhythm, purchase_days::PURCHASE_DAYS_MAX, replenishment,
};
use proptest::prelude::*;

fn day(n: i64) -> Timestamp {
    START + n * DAY
}

/// A user who bought `(product, day)`.
fn buyer(purchases: &[(u64, i64)]) -> Profile {
    let bought = |(n, (product, on)): (usize, &(u64, i64))| {
        let mut event = event(EventKind::OrderCompleted, &[*product]);
        event.occurred_at = day(*on);
        event.order = order(n as u64);
        event
    };
    fold(&recorded(purchases.iter().enumerate().map(bought)))
}

fn fold(events: &[Recorded]) -> Profile {
    let mut profile = Profile::default();
    events.iter().for_each(|recorded| profile.fold(recorded));
    profile
}

fn entry(profile: &Profile, product: u64) -> &HistoryEntry {
    profile.history().iter().find(|entry| entry.product_id == product_id(product)).unwrap()
}

fn learn(users: &[Profile], now: i64) -> Replenishment {
    let shelf = |id: &ProductId| (id.as_str() != "p9").then(|| "Despensa".to_owned());
    Replenishment::learn(users.iter().map(Profile::history), day(now), shelf)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_newest_purchase_days_are_kept_in_any_order_and_merge(seed: u64) {
        let mut random = Random(seed);
        let mut days: Vec<i64> = (0..40).map(|_| random.below(60) as i64).collect();
        let purchases = |days: &[i64]| -> Vec<_> { days.iter().map(|on| (1, *on)).collect() };
        let whole = buyer(&purchases(&days));
        let mut newest = days.clone();
        newest.sort_unstable_by_key(|day| std::cmp::Reverse(*day));
        newest.dedup();
        newest.truncate(PURCHASE_DAYS_MAX);
        let wanted: Vec<_> = newest.iter().map(|n| day(*n).utc_day()).collect();
        prop_assert_eq!(entry(&whole, 1).bought_on.days(), &wanted);
        random.shuffle(&mut days);
        let shuffled = buyer(&purchases(&days));
        prop_assert_eq!(&entry(&shuffled, 1).bought_on, &entry(&whole, 1).bought_on);
        let (left, right) = days.split_at(random.below(40) as usize);
        let merged = Profile::merge(&buyer(&purchases(left)), &buyer(&purchases(right)));
        prop_assert_eq!(&entry(&merged, 1).bought_on, &entry(&whole, 1).bought_on);
    }

    #[test]
    fn who_comes_first_does_not_matter(seed: u64) {
        let mut random = Random(seed);
        let mut users: Vec<_> = (0..20).map(|_| {
            let purchases: Vec<_> = (0..12).map(|_| (random.below(5), random.below(200) as i64)).collect();
            buyer(&purchases)
        }).collect();
        let table = learn(&users, 200);
        random.shuffle(&mut users);
        prop_assert_eq!(learn(&users, 200), table);
    }
}

#[test]
fn purchase_days_are_dates_for_people_and_old_profiles_have_none() {
    let profile = buyer(&[(1, 0), (1, 3), (1, 3)]);
    let shown = serde_json::to_value(entry(&profile, 1)).unwrap();
    assert_eq!(shown["bought_on"], serde_json::json!(["2026-07-04", "2026-07-01"]));
    assert_eq!(serde_json::from_value::<HistoryEntry>(shown.clone()).unwrap(), *entry(&profile, 1));
    let mut old = shown;
    old.as_object_mut().unwrap().remove("bought_on");
    assert!(serde_json::from_value::<HistoryEntry>(old).unwrap().bought_on.is_empty());
    let intervals: Vec<_> = PurchaseDays::from_iter([7, 0, 30, 7]).intervals().collect();
    assert_eq!(intervals, [23, 7]);
}

#[test]
fn how_due_by_hand() {
    let rhythm = Rhythm { days: 28.0, spread: LN_2, n_repeats: 9, again_share: 0.5 };
    let once = buyer(&[(1, 0)]);
    let due = |n: i64| replenishment::due(entry(&once, 1), &rhythm, day(n));
    // One standard deviation is a factor of two: e^(−1/2) at half and twice the interval, e^(−2) at a quarter.
    let wanted = [(0, 0.0), (7, (-2.0f64).exp()), (14, (-0.5f64).exp()), (28, 1.0), (56, (-0.5f64).exp())];
    for (n, wanted) in wanted {
        assert!((due(n) - wanted).abs() < 1e-12, "day {n}: got {}, wanted {wanted}", due(n));
    }
    assert!(due(365) < 0.002 && due(-3) == 0.0);
    // Three intervals of 7 of their own beside three believed of 28: 14, the geometric mean.
    let weekly = buyer(&[(1, 0), (1, 7), (1, 14), (1, 21)]);
    assert!((replenishment::due(entry(&weekly, 1), &rhythm, day(35)) - 1.0).abs() < 1e-12);
    // What was given back is not due again.
    let mut events = recorded([event(EventKind::OrderCompleted, &[1]), event(EventKind::OrderRefunded, &[])]);
    events.iter_mut().for_each(|recorded| recorded.event.order = order(1));
    assert_eq!(replenishment::due(entry(&fold(&events), 1), &rhythm, day(28)), 0.0);
}

#[test]
fn rhythms_by_hand() {
    // Product 1: intervals 10, 10, 40 of two users. Product 2, of the same shelf: bought once each by three users, product 3
    // by one. Product 9 stands nowhere.
    let users = [
        buyer(&[(1, 0), (1, 10), (1, 20), (2, 0)]),
        buyer(&[(1, 0), (1, 40), (2, 5)]),
        buyer(&[(2, 8), (3, 0), (9, 180)]),
    ];
    let table = learn(&users, 200);
    let ln10 = 10.0f64.ln();
    let rhythm = |id: u64, category: Option<&str>| table.rhythm(&product_id(id), category).unwrap();
    let one = rhythm(1, Some("Despensa"));
    // The medians of product, shelf and shop are all 10; shrinking to each other changes nothing.
    assert!((one.days.ln() - ln10).abs() < 1e-12, "{one:?}");
    assert_eq!(one.n_repeats, 3);
    // σ about the median: √((0 + 0 + ln² 4) / 3).
    assert!((one.spread - (4.0f64.ln().powi(2) / 3.0).sqrt()).abs() < 1e-12, "{one:?}");
    // Again within 90 days: 2 of 2 for product 1; 2 of 6 on the shelf and in the shop, as 9's buyer is not 90 days old.
    let shop = 2.0 / 6.0 * 6.0 / 11.0;
    let shelf = (2.0 + 5.0 * shop) / 11.0;
    assert!((one.again_share - (2.0 + 5.0 * shelf) / 7.0).abs() < 1e-12, "{one:?}");
    assert!((rhythm(2, Some("Despensa")).again_share - 5.0 * shelf / 8.0).abs() < 1e-12);
    assert!((rhythm(9, None).again_share - shop).abs() < 1e-12);
    assert_eq!(rhythm(77, None).n_repeats, 0);
    assert!(one.is_consumable() && !rhythm(2, Some("Despensa")).is_consumable());
    let due = |user: usize, product: u64| table.due(entry(&users[user], product), Some("Despensa"), day(30));
    assert!(due(0, 1) > 0.99 && due(0, 2) == 0.0, "a durable is never due");
    assert_eq!(learn(&[], 0).rhythm(&product_id(1), None), None);
    assert_eq!(learn(&users[2..], 200).due(entry(&users[2], 3), None, day(30)), 0.0);
    assert_eq!((table.len(), learn(&[], 0).is_empty()), (4, true));
    let stored: Replenishment = serde_json::from_str(&serde_json::to_string(&table).unwrap()).unwrap();
    assert_eq!(stored, table);
}

#[test]
fn few_repeats_lean_on_the_shelf() {
    // Ten weekly intervals of product 1, one of 28 days of product 2.
    let weekly: Vec<_> = (0..6).map(|n| (1, 7 * n)).collect();
    let users = [buyer(&weekly), buyer(&weekly), buyer(&[(2, 0), (2, 28)])];
    let days = learn(&users, 200).rhythm(&product_id(2), Some("Despensa")).unwrap().days;
    // (1 · ln 28 + 5 · ln 7) / 6
    assert!((days - 7.0 * 4.0f64.powf(1.0 / 6.0)).abs() < 1e-9, "{days}");
}
