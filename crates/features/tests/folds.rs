//! Folds end in the same value whatever the order of arrival, however often an event comes, and from wherever the
//! profile was saved and loaded along the way.

mod events;

use std::collections::BTreeMap;

use domain::{ConsentState, Currency, Event, EventKind, Money, Position, Preference, Recorded, UserKey, time::DAY};
use events::{Random, START, event, order, product_id, random_events, recorded, user};
use features::{
    HistoryEntry, Profile, ShopStats, Subject, Training, TrainingRow,
    exposure::SHOWN_MAX,
    history::{HISTORY_MAX, INTEREST_MAX},
    preferences::DECLARED_MAX,
    spend::ORDERS_MAX,
};
use proptest::prelude::*;

fn fold(events: &[Recorded]) -> Profile {
    let mut profile = Profile::default();
    events.iter().for_each(|recorded| profile.fold(recorded));
    profile
}

fn fold_events(events: impl IntoIterator<Item = Event>) -> Profile {
    fold(&recorded(events))
}

/// All events as if of one user, so that the profile gets full.
fn of_one_user(seed: u64, n: usize) -> Vec<Event> {
    let mut events = random_events(seed, n, 40);
    events.iter_mut().for_each(|event| event.user = user(1));
    events
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_order_of_arrival_gives_the_same_profile(seed: u64) {
        let mut events = of_one_user(seed, 120);
        let expected = fold_events(events.clone());
        Random(seed ^ 1).shuffle(&mut events);
        prop_assert_eq!(fold_events(events), expected);
    }

    #[test]
    fn repeats_change_nothing(seed: u64) {
        let events = recorded(of_one_user(seed, 80));
        let mut profile = fold(&events);
        let expected = profile.clone();
        events.iter().for_each(|recorded| profile.fold(recorded));
        prop_assert_eq!(&profile, &expected);
        prop_assert_eq!(profile.seen(), Position(80));
    }

    #[test]
    fn a_saved_profile_goes_on_as_if_it_had_stayed(seed: u64) {
        let events = recorded(of_one_user(seed, 80));
        let (before, after) = events.split_at(40);
        let profile = fold(before);
        let stored: Profile = rmp_serde::from_slice(&rmp_serde::to_vec_named(&profile).unwrap()).unwrap();
        let shown: Profile = serde_json::from_str(&serde_json::to_string(&profile).unwrap()).unwrap();
        for mut profile in [stored, shown] {
            after.iter().for_each(|recorded| profile.fold(recorded));
            prop_assert_eq!(profile, fold(&events));
        }
    }

    #[test]
    fn two_halves_merge_to_the_whole(seed: u64) {
        let events = recorded(of_one_user(seed, 120));
        let mut random = Random(seed ^ 2);
        let (left, right): (Vec<_>, Vec<_>) = events.iter().cloned().partition(|_| random.below(2) == 0);
        let whole = fold(&events);
        prop_assert_eq!(&Profile::merge(&fold(&left), &fold(&right)), &whole);
        prop_assert_eq!(&Profile::merge(&fold(&right), &fold(&left)), &whole);
        prop_assert_eq!(&Profile::merge(&whole, &Profile::default()), &whole);
    }

    #[test]
    fn product_stats_do_not_depend_on_the_order_of_arrival(seed: u64) {
        let mut events = random_events(seed, 120, 8);
        let fold = |events: &[Event]| {
            let mut stats = ShopStats::default();
            let recorded = recorded(events.to_vec());
            recorded.iter().chain(&recorded).for_each(|recorded| stats.fold(recorded));
            stats
        };
        let left = fold(&events);
        Random(seed ^ 3).shuffle(&mut events);
        let right = fold(&events);
        let now = START + 42 * DAY;
        for n in 0..8 {
            let id = product_id(n);
            let (Some(left), Some(right)) = (left.product(&id), right.product(&id)) else { continue };
            prop_assert_eq!(left.interaction_count(), right.interaction_count());
            prop_assert_eq!(left.purchase_trend_over_time(now), right.purchase_trend_over_time(now));
            let (x, y) = (left.popularity_score(now), right.popularity_score(now));
            prop_assert!((x - y).abs() <= 1e-9 * x.abs(), "{} and {}", x, y);
        }
    }

    #[test]
    fn a_full_history_keeps_the_newest_in_any_order(seed: u64) {
        let mut views: Vec<_> = (0..400).map(|n| {
            let mut view = event(EventKind::ProductViewed, &[n % 300]);
            view.occurred_at = START + n as i64;
            view
        }).collect();
        Random(seed).shuffle(&mut views);
        let history: Vec<_> = fold_events(views).history().iter().map(|e| (e.product_id.clone(), e.last_at)).collect();
        let expected: Vec<_> = (200..400).rev().map(|n| (product_id(n % 300), START + n as i64)).collect();
        prop_assert_eq!(history.len(), HISTORY_MAX);
        prop_assert_eq!(history, expected);
    }

    #[test]
    fn a_full_exposure_keeps_what_was_shown_last_in_any_order(seed: u64) {
        let n = 3 * SHOWN_MAX as u64;
        let mut impressions: Vec<_> = (0..n).map(|n| {
            let mut shown = event(EventKind::Impression, &[n, n / 2]);
            shown.occurred_at = START + n as i64 * DAY / 9;
            shown
        }).collect();
        let shown = |events: &[Event]| -> Vec<_> {
            let profile = fold_events(events.to_vec());
            let ids = profile.exposure().shown().iter().map(|shown| shown.product_id.clone());
            ids.collect()
        };
        let expected = shown(&impressions);
        Random(seed).shuffle(&mut impressions);
        prop_assert_eq!(expected.len(), SHOWN_MAX);
        prop_assert_eq!(shown(&impressions), expected);
    }

    #[test]
    fn settled_orders_stay_in_the_totals(seed: u64) {
        let n = ORDERS_MAX as u64 * 2;
        let mut orders: Vec<_> = (0..n).map(|n| sale(n, START + n as i64 * DAY, &[(n, 1, 100)])).collect();
        Random(seed).shuffle(&mut orders);
        let profile = fold_events(orders);
        prop_assert_eq!(u64::from(profile.total_purchases_user()), n);
        prop_assert_eq!(profile.total_spent_user(Currency::PEN), Money::new(100 * n as i64, Currency::PEN));
        prop_assert!((0..n).all(|n| profile.is_purchased(&product_id(n))));
    }
}

/// An order of `(product, quantity, unit price)`.
fn sale(id: u64, at: domain::Timestamp, lines: &[(u64, u32, i64)]) -> Event {
    let mut sale = event(EventKind::OrderCompleted, &lines.iter().map(|line| line.0).collect::<Vec<_>>());
    for (line, (_, quantity, minor)) in sale.products.iter_mut().zip(lines) {
        line.quantity = *quantity;
        line.price = Some(Money::new(*minor, Currency::PEN));
    }
    sale.order = order(id);
    sale.occurred_at = at;
    sale
}

fn refund(id: u64, products: &[u64]) -> Event {
    Event { order: order(id), ..event(EventKind::OrderRefunded, products) }
}

fn entry(profile: &Profile, n: u64) -> HistoryEntry {
    profile.history().iter().find(|entry| entry.product_id == product_id(n)).unwrap().clone()
}

#[test]
fn a_refund_takes_the_purchase_back_whenever_it_arrives() {
    let bought = sale(7, START, &[(1, 2, 1_500), (2, 1, 999)]);
    let kept = fold_events([bought.clone()]);
    assert_eq!(kept.total_spent_user(Currency::PEN).minor, 3_999);
    assert_eq!(kept.avg_purchase_value_user(Currency::PEN), Some(3_999.0));
    assert!(kept.is_purchased(&product_id(1)));
    assert_eq!(entry(&kept, 1).strength(), 5.0);

    let one_unit = fold_events([refund(7, &[1]), bought.clone()]);
    assert_eq!(one_unit.total_spent_user(Currency::PEN).minor, 2_499);
    assert!(one_unit.is_purchased(&product_id(1)));

    let both_units = fold_events([refund(7, &[1]), bought.clone(), refund(7, &[1])]);
    assert_eq!(both_units.total_spent_user(Currency::PEN).minor, 999);
    assert!(!both_units.is_purchased(&product_id(1)));
    assert_eq!((entry(&both_units, 1).purchases(), entry(&both_units, 1).strongest()), (0, None));

    for whole in [refund(7, &[]), Event { order: order(7), ..event(EventKind::OrderCancelled, &[1]) }] {
        let nothing = fold_events([bought.clone(), whole]);
        assert_eq!((nothing.total_purchases_user(), nothing.total_spent_user(Currency::PEN).minor), (0, 0));
        assert_eq!((nothing.avg_purchase_value_user(Currency::PEN), nothing.last_purchase_at()), (None, None));
        assert_eq!(entry(&nothing, 2).strength(), 0.0);
    }
}

#[test]
fn a_refund_known_to_one_side_takes_back_the_order_known_to_the_other() {
    let order = fold_events([sale(7, START, &[(1, 1, 500)])]);
    let refund = fold_events([refund(7, &[])]);
    for merged in [Profile::merge(&order, &refund), Profile::merge(&refund, &order)] {
        assert!(!merged.is_purchased(&product_id(1)));
        assert_eq!(merged.total_spent_user(Currency::PEN).minor, 0);
    }
}

#[test]
fn removing_from_the_cart_takes_the_cart_back_but_not_the_view() {
    let view = event(EventKind::ProductViewed, &[1]);
    let (add, remove) = (event(EventKind::ProductAdded, &[1]), event(EventKind::ProductRemoved, &[1]));
    let strongest = |events: Vec<Event>| entry(&fold_events(events), 1).strongest();
    use domain::InteractionType as I;
    assert_eq!(strongest(vec![view.clone(), add.clone()]), Some(I::Cart));
    assert_eq!(strongest(vec![view, add.clone(), remove.clone()]), Some(I::View));
    assert_eq!(strongest(vec![remove.clone(), add.clone(), add]), Some(I::Cart));
    assert_eq!(strongest(vec![remove]), None);
}

#[test]
fn likings_by_hand() {
    let mut events = vec![event(EventKind::ProductViewed, &[1]); 3];
    events.push(event(EventKind::ProductAdded, &[1]));
    let liked = entry(&fold_events(events.clone()), 1);
    // 1·(1 + ln 3) + 3·(1 + ln 1)
    assert!((liked.strength() - 5.098_612_288_668_11).abs() < 1e-12);
    assert_eq!(liked.weight(START, DAY), 5.098_612_3);
    assert!((liked.weight(START + 2 * DAY, DAY) - 5.098_612_3 / 4.0).abs() < 1e-6);
    // A question about the past is not answered with more than was there.
    assert_eq!(liked.weight(START + -DAY, DAY), 5.098_612_3);

    let mut rating = event(EventKind::ProductRated, &[1]);
    rating.details.rating = Some(1.0);
    events.push(rating.clone());
    assert_eq!(entry(&fold_events(events.clone()), 1).strength(), 0.0);
    rating.details.rating = Some(4.5);
    rating.occurred_at = START + 1;
    events.insert(0, rating);
    // The later opinion counts, though it came first: two ratings, 2·(1 + ln 2), on top.
    assert!((entry(&fold_events(events), 1).strength() - (5.098_612_288_668_11 + 3.386_294_361_119_89)).abs() < 1e-12);
}

#[test]
fn moments_by_hand() {
    let noon = |days: i64| START + days * DAY + DAY / 2;
    let sold = |n, days| Event { occurred_at: START + days * DAY, ..sale(n, START, &[(1, 1, 500)]) };
    let mut events = vec![sold(1, 0), sold(2, 7), sold(3, 14)];
    let moments = |events: &[Event]| -> Vec<(domain::Timestamp, f64)> {
        let entry = entry(&fold_events(events.to_vec()), 1);
        entry.moments().map(|moment| (moment.at, moment.weight)).collect()
    };
    assert_eq!(moments(&events), [(noon(14), 5.0), (noon(7), 5.0), (noon(0), 5.0)]);
    let viewed = Event { occurred_at: START + 20 * DAY, ..event(EventKind::ProductViewed, &[1]) };
    events.push(viewed.clone());
    assert_eq!(moments(&events)[..2], [(START + 20 * DAY, 1.0), (noon(14), 5.0)]);
    events.push(refund(1, &[]));
    assert_eq!(moments(&events), [(START + 20 * DAY, 1.0), (noon(14), 5.0), (noon(7), 5.0)], "two are left");
    events.extend(vec![Event { kind: EventKind::ProductAdded, ..viewed }; 9]);
    assert_eq!(moments(&events)[0].1, INTEREST_MAX, "no interest weighs as much as a purchase");
    let mut rating = event(EventKind::ProductRated, &[1]);
    rating.details.rating = Some(1.0);
    events.push(rating);
    assert_eq!(moments(&events), [], "it is not for them");
}

#[test]
fn what_is_learned_from_is_what_is_asked_with() {
    let events = recorded(random_events(3, 900, 12));
    let mut training = Training::new(Position(u64::MAX));
    let mut profiles: BTreeMap<UserKey, Profile> = BTreeMap::new();
    // The profile of who denied consent does not exist; nor do such rows.
    for recorded in events.iter().filter(|r| r.event.consent.allows_personalization() && !r.event.user.is_nobody()) {
        training.add(recorded);
        profiles.entry(recorded.event.user).or_default().fold(recorded);
    }
    let mut wanted = Vec::new();
    for (user, profile) in &profiles {
        let mut entries = profile.history().to_vec();
        entries.sort_by(|a, b| a.product_id.cmp(&b.product_id));
        let row = |entry: HistoryEntry| {
            let moments: Vec<_> = entry.moments().collect();
            moments.into_iter().map(move |moment| TrainingRow {
                user: *user,
                product_id: entry.product_id.clone(),
                moment,
            })
        };
        wanted.extend(entries.into_iter().flat_map(row));
    }
    let rows = training.finish();
    assert!(
        rows.windows(2)
            .any(|pair| pair.iter().all(|row| row.moment.is_purchase && row.product_id == pair[0].product_id))
    );
    assert_eq!(rows, wanted);
}

#[test]
fn what_was_shown_is_no_history() {
    let profile = fold_events([event(EventKind::Impression, &[1, 2, 3])]);
    assert_eq!((profile.history().len(), profile.n_interactions()), (0, 0));
    assert_eq!(profile.interaction_count(domain::InteractionType::Impression), 3);
}

#[test]
fn what_is_shown_and_left_alone_tires_until_it_is_touched() {
    let on = |n: i64, mut event: Event| {
        event.occurred_at = START + n * DAY;
        event
    };
    let shown = |n| on(n, event(EventKind::Impression, &[1, 2]));
    let mut events = vec![shown(0), shown(7), shown(7), shown(9)];
    let profile = fold_events(events.clone());
    let tired = |profile: &Profile, n: i64| profile.shown_without_click(&product_id(1), START + n * DAY);
    // On day 14: 2^-2 + 2 · 2^-1 + 2^(-5/7).
    assert!((tired(&profile, 14) - (1.25 + (-5.0f64 / 7.0).exp2())).abs() < 1e-12);
    assert!((tired(&profile, 14) - tired(&profile, 14 + 7) * 2.0).abs() < 1e-12);
    // A touch on day 7 answers the day's impressions, whatever its hour, and those before; another product's don't change.
    events.insert(0, on(7, event(EventKind::ProductClicked, &[1])));
    let clicked = fold_events(events);
    assert_eq!(tired(&clicked, 9), 1.0);
    let other = |profile: &Profile| profile.shown_without_click(&product_id(2), START + 9 * DAY);
    assert!(other(&clicked) > 3.0 && other(&clicked) == other(&profile));
    assert_eq!(clicked.shown_without_click(&product_id(3), START), 0.0);
    // More than 13 days before the last time it was shown is forgotten.
    let long = fold_events([shown(14), shown(1), shown(0)]);
    assert_eq!(tired(&long, 14), 1.0 + (-13.0f64 / 7.0).exp2());
    let often = fold_events(vec![shown(0); 300]);
    assert_eq!(tired(&often, 0), 255.0);
}

#[test]
fn denied_consent_and_nobody_leave_no_trace() {
    let mut denied = event(EventKind::ProductViewed, &[1]);
    denied.consent.personalization = ConsentState::Denied;
    let nobody = Event { user: UserKey::NOBODY, ..event(EventKind::ProductViewed, &[1]) };
    let mut profile = fold_events([denied, nobody]);
    assert_eq!(profile.seen(), Position(2));
    let trace = serde_json::to_string(&profile).unwrap();
    assert!(!trace.contains("p1"), "{trace}");
    profile.fold(&Recorded { position: Position(3), event: event(EventKind::ProductViewed, &[1]) });
    assert_eq!(profile.n_interactions(), 1);
}

#[test]
fn the_latest_word_about_a_subject_counts_and_is_no_behaviour() {
    let say = |products: &[u64], category: Option<&str>, preference, seconds: i64| {
        let mut event = event(EventKind::PreferenceDeclared, products);
        event.details.category = category.map(str::to_owned);
        event.details.preference = Some(preference);
        event.occurred_at = START + seconds * domain::time::SECOND;
        event
    };
    let events = [
        say(&[], Some("Cocina"), Preference::Dislike, 9),
        say(&[1], Some("Cocina"), Preference::Like, 5),
        say(&[], Some("Cocina"), Preference::Like, 7),
    ];
    let profile = fold_events(events.clone());
    let said: Vec<_> = profile.declared().iter().map(|said| (said.subject.clone(), said.preference)).collect();
    let cocina = (Subject::Category("Cocina".into()), Preference::Dislike);
    assert_eq!(said, [cocina, (Subject::Product(product_id(1)), Preference::Like)]);
    assert_eq!((profile.n_interactions(), profile.history().len()), (0, 0));
    let mut stats = ShopStats::default();
    recorded(events).iter().for_each(|recorded| stats.fold(recorded));
    assert!(stats.product(&product_id(1)).is_none(), "a declared liking is no rating and no interaction");
    // The bound keeps the newest in any order.
    let many =
        |order: &mut dyn Iterator<Item = u64>| fold_events(order.map(|n| say(&[n], None, Preference::Like, n as i64)));
    let n = DECLARED_MAX as u64 + 50;
    assert_eq!(many(&mut (0..n)), Profile::merge(&many(&mut (0..n).rev()), &Profile::default()));
    assert_eq!(many(&mut (0..n)).declared().len(), DECLARED_MAX);
}

#[test]
fn price_bands_by_hand() {
    let priced = |kind, minor| {
        let mut event = event(kind, &[1]);
        event.products[0].price = Some(Money::new(minor, Currency::PEN));
        event
    };
    let band = fold_events([priced(EventKind::ProductViewed, 1_000), priced(EventKind::ProductAdded, 8_000)])
        .price_band(Currency::PEN)
        .unwrap();
    // x = 6.908 and 8.987 with weights 1 and 3: mean 8.46725, variance 3/16 · 2.079², sd 0.9002334.
    assert!((band.log_mean - 8.467_25).abs() < 1e-9, "{band:?}");
    assert!((band.log_sd - 2.079 * 0.1875f64.sqrt()).abs() < 1e-9, "{band:?}");
    assert!((band.typical_minor() - 4_756.4).abs() < 1.0, "{band:?}");
    assert_eq!(band.n, 2);
    assert_eq!(fold_events([priced(EventKind::ProductViewed, 0)]).price_band(Currency::PEN), None);
}

#[test]
fn the_week_is_read_on_the_clock_of_the_shop() {
    // Wednesday 2026-07-01, 00:30 in UTC, is Tuesday 19:30 in Lima.
    let mut view = event(EventKind::ProductViewed, &[1]);
    view.occurred_at = START + 30 * domain::time::MINUTE;
    let profile = fold_events([view]);
    let lima = features::calendar::zone_hours(&domain::Shop::default().zone(), START);
    assert_eq!(lima, -5);
    assert_eq!(profile.hours().by_day(0), [0, 0, 1, 0, 0, 0, 0]);
    assert_eq!(profile.hours().by_day(lima), [0, 1, 0, 0, 0, 0, 0]);
    assert_eq!(profile.hours().by_hour(lima)[19], 1);
}

#[test]
fn product_stats_by_hand() {
    let at = |mut event: Event, days: i64| {
        event.occurred_at = START + days * DAY;
        event
    };
    let rated = |stars| {
        let mut event = event(EventKind::ProductRated, &[1]);
        event.details.rating = Some(stars);
        event
    };
    let mut stats = ShopStats::default();
    let events = [
        at(sale(1, START, &[(1, 1, 100), (2, 1, 100)]), 14),
        at(event(EventKind::ProductViewed, &[1]), 0),
        at(sale(2, START, &[(1, 1, 100)]), 13),
        at(sale(3, START, &[(1, 1, 100)]), 6),
        at(rated(5.0), 0),
        at(rated(2.0), 0),
    ];
    recorded(events).iter().for_each(|recorded| stats.fold(recorded));
    let product = stats.product(&product_id(1)).unwrap();
    // At day 14, one half-life after day 0: 5 + 5·2^(−1/14) + 5·2^(−8/14) + (1 + 2 + 2)·½
    let popularity = 5.0 + 5.0 * (-1.0f64 / 14.0).exp2() + 5.0 * (-8.0f64 / 14.0).exp2() + 2.5;
    assert!((product.popularity_score(START + 14 * DAY) - popularity).abs() < 1e-12);
    assert_eq!(product.average_ratings_product(), Some(3.5));
    assert_eq!(product.ratings().mean_with_prior(4.0, 2.0), 3.75);
    // Days 8 to 14 have two purchases, days 1 to 7 one.
    assert_eq!(product.purchase_trend_over_time(START + 14 * DAY), 1.5f64.ln());
    assert_eq!((product.interaction_count(), stats.interaction_count_normalized(&product_id(2))), (6, 1.0 / 6.0));
}

#[test]
fn affinities_are_shares_of_the_history() {
    let mut cart = event(EventKind::ProductAdded, &[2]);
    cart.occurred_at = START + DAY;
    let profile = fold_events([event(EventKind::ProductViewed, &[1]), cart, event(EventKind::ProductViewed, &[9])]);
    let brand = |id: &domain::ProductId| match id.as_str() {
        "p1" => Some("Inca"),
        "p2" => Some("Puma"),
        _ => None,
    };
    // Weights a day later: ½·1 and 3.
    let shares = features::affinity(profile.history(), START + DAY, DAY, brand);
    assert_eq!(shares, [("Puma", 3.0 / 3.5), ("Inca", 0.5 / 3.5)]);
}
