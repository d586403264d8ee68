//! Deals by hand, and that the order in which points arrive does not matter.

mod events;

use domain::{Currency, EventKind, Money, PricePoint, Product, Timestamp, time::DAY};
use events::{Random, START, event, product_id, recorded};
use features::{
    Deal, PriceDrop, PriceHistory, PriceIndex, PriceView, Profile, price_sensitivity,
    price_sensitivity::{Evidence, PriceCue, PriceLevels, cue_of},
};
use proptest::prelude::*;

fn soles(minor: i64) -> Money {
    Money::new(minor, Currency::PEN)
}

fn day(n: i64) -> Timestamp {
    START + n * DAY
}

fn offer(product: u64, n: i64, minor: i64, available: bool) -> PricePoint {
    PricePoint { product_id: product_id(product), at: day(n), price: Some(soles(minor)), available }
}

/// `(day, céntimos)`, always on sale.
fn history(prices: &[(i64, i64)]) -> PriceHistory {
    PriceHistory::of(&prices.iter().map(|(n, minor)| offer(1, *n, *minor, true)).collect::<Vec<_>>())
}

fn prior(history: &PriceHistory, n: i64) -> Option<(i64, i64)> {
    let view = history.view(day(n))?;
    Some((view.usual?.minor, view.low_30d?.minor))
}

#[test]
fn a_reduction_is_a_deal_for_thirty_days() {
    let reduced = history(&[(0, 10_000), (50, 8_000)]);
    let view =
        PriceView { current: soles(8_000), since: day(50), usual: Some(soles(10_000)), low_30d: Some(soles(10_000)) };
    assert_eq!(reduced.view(day(60)), Some(view));
    let deal = Deal {
        current: soles(8_000),
        saving_minor: 2_000,
        percent: 20.0,
        usual: soles(10_000),
        low_30d: soles(10_000),
        since: day(50),
    };
    assert_eq!((reduced.deal(day(50)), reduced.deal(day(80))), (Some(deal), Some(deal)));
    assert_eq!(reduced.deal(day(80) + 1), None, "by now it is the usual price");
    assert_eq!(reduced.deal(day(49)), None, "what will be is no deal yet");
    assert_eq!(history(&[]).view(day(0)), None);
}

#[test]
fn a_price_raised_first_is_no_deal_when_it_falls_back() {
    // 100, for a week 140, then "reduced" to 110 or back to 100: the 30 days before saw 100.
    for (last, usual) in [(11_000, 10_000), (10_000, 10_000)] {
        let faked = history(&[(0, 10_000), (60, 14_000), (67, last)]);
        assert_eq!(prior(&faked, 68), Some((usual, 10_000)));
        assert_eq!(faked.deal(day(68)), None);
    }
    // Raised for 35 days: the 30 days before saw 140 alone, but of the 90 before 55 cost 100.
    let patient = history(&[(0, 10_000), (100, 14_000), (135, 11_000)]);
    assert_eq!(prior(&patient, 136), Some((10_000, 14_000)));
    assert_eq!(patient.deal(day(136)), None);
    // What is then below both is a deal, measured from the lower.
    let real = history(&[(0, 10_000), (100, 14_000), (135, 9_000)]).deal(day(136)).unwrap();
    assert_eq!((real.saving_minor, real.percent), (1_000, 10.0));
}

#[test]
fn a_price_that_falls_twice_is_measured_from_the_low_between() {
    let falling = history(&[(0, 10_000), (50, 8_000), (60, 6_000)]);
    assert_eq!(prior(&falling, 61), Some((10_000, 8_000)));
    assert_eq!(falling.deal(day(61)).unwrap().percent, 25.0);
    // Away for a day and back: the 30 days before saw it.
    assert_eq!(history(&[(0, 10_000), (50, 8_000), (60, 9_000), (61, 8_000)]).deal(day(62)), None);
}

#[test]
fn the_usual_price_is_half_of_the_time() {
    // Before day 90: 30 days each of 90, 100, 120, so 100; and of 30 days at 90 and 60 at 120: 120.
    assert_eq!(prior(&history(&[(0, 9_000), (30, 10_000), (60, 12_000), (90, 1)]), 91), Some((10_000, 12_000)));
    assert_eq!(prior(&history(&[(0, 9_000), (30, 12_000), (90, 1)]), 91), Some((12_000, 12_000)));
    // What was before the 90 days does not count.
    assert_eq!(prior(&history(&[(-500, 1), (0, 9_000), (45, 12_000), (90, 2)]), 91), Some((9_000, 12_000)));
}

#[test]
fn less_than_thirty_days_on_sale_prove_nothing() {
    assert_eq!(history(&[(0, 10_000), (29, 8_000)]).deal(day(30)), None);
    assert!(history(&[(0, 10_000), (30, 8_000)]).deal(day(30)).is_some());
    // Out of stock at a high price: 20 days on sale at 100, 40 out at 200, then 150. The label proves nothing.
    let labelled = [offer(1, 0, 10_000, true), offer(1, 20, 20_000, false), offer(1, 60, 15_000, true)];
    assert_eq!(prior(&PriceHistory::of(&labelled), 61), None);
    assert_eq!(PriceHistory::of(&labelled).deal(day(61)), None);
    // On sale for long, but not within the last 30 days.
    let away = [offer(1, 0, 10_000, true), offer(1, 50, 10_000, false), offer(1, 85, 9_000, true)];
    let view = PriceHistory::of(&away).view(day(86)).unwrap();
    assert_eq!((view.usual, view.low_30d), (Some(soles(10_000)), None));
    // The price stays the same while it is away, so it began before; and what can't be bought is no deal.
    let back = [offer(1, 0, 100, true), offer(1, 40, 90, true), offer(1, 45, 90, false), offer(1, 47, 90, true)];
    let back = PriceHistory::of(&back);
    assert_eq!((back.view(day(48)).unwrap().since, back.deal(day(48)).unwrap().percent), (day(40), 10.0));
    assert_eq!(back.deal(day(46)), None);
}

#[test]
fn prices_in_other_money_or_none_are_not_compared() {
    let dollars = |n, minor| PricePoint { price: Some(Money::new(minor, Currency::USD)), ..offer(1, n, 0, true) };
    assert_eq!(PriceHistory::of(&[offer(1, 0, 10_000, true), dollars(50, 3_000)]).deal(day(51)), None);
    let unpriced = |n| PricePoint { price: None, ..offer(1, n, 0, true) };
    let gap = PriceHistory::of(&[offer(1, 0, 100, true), unpriced(40), offer(1, 45, 90, true), unpriced(50)]);
    let view = gap.view(day(46)).unwrap();
    assert_eq!((view.since, view.usual, view.low_30d), (day(45), Some(soles(100)), Some(soles(100))));
    assert_eq!(gap.view(day(51)), None);
}

#[test]
fn who_looked_hears_of_what_changed() {
    let points =
        [offer(1, 0, 10_000, true), offer(1, 10, 10_000, false), offer(1, 20, 9_000, true), offer(1, 30, 7_500, true)];
    let history = PriceHistory::of(&points);
    let drop = PriceDrop { from: soles(10_000), to: soles(7_500), percent: 25.0, since: day(30) };
    assert_eq!(history.price_drop_since(day(5), day(40)), Some(drop));
    assert_eq!(history.price_drop_since(day(25), day(40)).unwrap().from, soles(9_000));
    assert_eq!(history.price_drop_since(day(31), day(40)), None);
    assert_eq!(history.price_drop_since(day(-1), day(40)), None, "nobody knows what it cost then");
    assert_eq!(history.price_drop_since(day(5), day(15)), None, "it can't be bought");
    let back: Vec<_> = [5, 15, 20, 25].map(|seen| history.back_in_stock_since(day(seen), day(40))).to_vec();
    assert_eq!(back, [Some(day(20)), Some(day(20)), None, None]);
    assert_eq!(history.back_in_stock_since(day(5), day(19)), None);
}

#[test]
fn the_index_ranks_deals_and_keeps_snapshots_apart() {
    let mut points = Vec::new();
    for (product, after) in [(1, 9_000), (2, 5_000), (3, 10_000), (4, 5_000)] {
        points.extend([offer(product, 0, 10_000, true), offer(product, 40, after, true)]);
    }
    let mut index = PriceIndex::of(&points);
    let snapshot = index.clone();
    let ranked = |index: &PriceIndex| -> Vec<_> {
        index.deals(day(41)).into_iter().map(|(id, deal)| (id.to_string(), deal.percent)).collect()
    };
    let wanted = [("p2".to_owned(), 50.0), ("p4".to_owned(), 50.0), ("p1".to_owned(), 10.0)];
    assert_eq!(ranked(&index), wanted);
    index.record(&[offer(3, 40, 2_000, true), offer(4, 41, 5_000, false)]);
    assert_eq!(ranked(&index), [("p3".to_owned(), 80.0), wanted[0].clone(), wanted[2].clone()]);
    assert_eq!((ranked(&snapshot), index.len()), (wanted.to_vec(), 4));
    assert_eq!(snapshot.deal(&product_id(9), day(41)), None);
    index.forget_before(day(41));
    assert_eq!(index.history(&product_id(1)).unwrap().len(), 1);
    assert_eq!((index.deals(day(41)), snapshot.history(&product_id(1)).unwrap().len()), (Vec::new(), 2));
}

#[test]
fn who_goes_by_the_price() {
    let shelf: Vec<Product> = (0..6)
        .map(|n| {
            let mut product = Product::new(product_id(n), "Taza");
            product.categories = vec!["Cocina".to_owned()];
            product.price = Some(soles([100, 200, 200, 300, 400, 500][n as usize]));
            product
        })
        .collect();
    let levels = PriceLevels::of(&shelf);
    // 0 cheaper of 6 and half of 1; 1 cheaper and half of 2.
    assert!((levels.level(&product_id(0)).unwrap() - 0.5 / 6.0).abs() < 1e-6);
    assert!((levels.level(&product_id(2)).unwrap() - 2.0 / 6.0).abs() < 1e-6);
    assert_eq!(PriceLevels::of(&shelf[..4]).level(&product_id(0)), None, "four are no shelf");
    let prices = PriceIndex::of(&[offer(2, -60, 300, true), offer(2, -5, 200, true), offer(5, -60, 500, true)]);
    let cue = |n| cue_of(&prices, &levels, &product_id(n), START);
    assert_eq!((cue(2).reduced, cue(5).reduced, cue(1).reduced), (Some(true), None, None));

    // A view of 2, reduced and at level 1/3: ½ + ½ · 2/3 = 5/6. A cart and view of 5, nothing known but the level 11/12.
    let seen = [(EventKind::ProductViewed, 2), (EventKind::ProductViewed, 5), (EventKind::ProductAdded, 5)];
    let mut profile = Profile::default();
    recorded(seen.map(|(kind, n)| event(kind, &[n]))).iter().for_each(|recorded| profile.fold(recorded));
    let evidence = Evidence::of(profile.history(), |id, at| cue_of(&prices, &levels, id, at));
    let (sensitive, weight) = (5.0 / 6.0 + 4.0 / 12.0, 5.0);
    assert!((evidence.mean().unwrap() - sensitive / weight).abs() < 1e-6);
    assert!((price_sensitivity(evidence, 0.5) - (sensitive + 5.0) / (weight + 10.0)).abs() < 1e-6);
    assert_eq!(price_sensitivity(Evidence::default(), 0.3), 0.3);
    let unknown = Evidence::of(profile.history(), |_, _| PriceCue::default());
    assert_eq!((unknown, unknown.mean()), (Evidence::default(), None));
}

/// Changes of two products at distinct moments, no two neighbours alike, so that none is a repetition in any order.
fn changes(seed: u64) -> Vec<PricePoint> {
    let mut random = Random(seed);
    (0..120)
        .map(|n| PricePoint { available: random.below(4) > 0, ..offer(n % 2, n as i64 * 2, 100 * n as i64 + 50, true) })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn changes_in_any_order_and_again_make_the_same_history(seed: u64) {
        let mut points = changes(seed);
        let expected = PriceIndex::of(&points);
        Random(seed ^ 1).shuffle(&mut points);
        let mut index = PriceIndex::default();
        points.iter().chain(&points).for_each(|point| index.record(std::slice::from_ref(point)));
        for n in 0..2 {
            prop_assert_eq!(index.history(&product_id(n)), expected.history(&product_id(n)));
        }
        points.sort_by(|left, right| left.product_id.cmp(&right.product_id));
        let grouped = PriceIndex::of(&points);
        prop_assert_eq!(grouped.history(&product_id(0)), expected.history(&product_id(0)));
    }

    #[test]
    fn a_history_says_what_a_walk_through_the_days_finds(seed: u64) {
        let mut random = Random(seed);
        let points: Vec<_> =
            (0..random.below(60)).map(|_| {
                let (n, minor) = (random.below(150) as i64, 100 + random.below(6) as i64);
                offer(1, n, minor, random.below(4) > 0)
            }).collect();
        let mut recorded = PriceHistory::default();
        let mut sorted = points.clone();
        sorted.sort_by_key(|point| point.at);
        sorted.iter().for_each(|point| recorded.record(point));
        let history = PriceHistory::of(&points);
        prop_assert_eq!(&recorded, &history);
        for now in [40, 90, 150] {
            prop_assert_eq!(history.view(day(now)), by_days(&points, now));
        }
    }
}

/// The definition read aloud: one offer a day, all counted one by one.
fn by_days(points: &[PricePoint], now: i64) -> Option<PriceView> {
    let held = |n: i64| points.iter().filter(|point| point.at <= day(n)).max_by_key(|point| point.at);
    let current = held(now)?.price?;
    let mut since = now;
    while held(since - 1).is_some_and(|point| point.price == Some(current)) {
        since -= 1;
    }
    let price = |n: &i64| held(*n).filter(|point| point.available)?.price.map(|price| price.minor);
    let mut window: Vec<i64> = (since - 90..since).filter_map(|n| price(&n)).collect();
    let low = (since - 30..since).filter_map(|n| price(&n)).min();
    window.sort_unstable();
    let proven = window.len() >= 30;
    let usual = proven.then(|| window[(window.len() - 1) / 2]);
    let low = low.filter(|_| proven);
    Some(PriceView { current, since: day(since), usual: usual.map(soles), low_30d: low.map(soles) })
}
