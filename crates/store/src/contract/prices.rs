//! What products cost over time.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use domain::{Currency, Money, PricePoint, Timestamp, time::DAY};

use super::{
    fresh,
    sample::{event, product},
};
use crate::Prices;

type Open<'a> = &'a dyn Fn(&Path) -> Arc<dyn Prices>;

pub fn prices(open: impl Fn(&Path) -> Arc<dyn Prices>) {
    fresh(|path| points_come_back_as_they_went(path, &open));
    fresh(|path| only_changes_are_kept(&*open(path)));
    fresh(|path| a_late_point_takes_its_place(&*open(path)));
    fresh(|path| of_two_at_one_moment_the_later_corrects(&*open(path)));
    fresh(|path| forgetting_leaves_what_held(path, &open));
    fresh(|path| random_points_end_as_in_a_plain_list(&*open(path)));
    fresh(|path| a_large_batch_is_quick(&*open(path)));
}

fn day(n: i64) -> Timestamp {
    event(0).occurred_at + n * DAY
}

/// Of product `id` on day `n`: a price in céntimos, available.
fn point(id: &str, n: i64, minor: i64) -> PricePoint {
    PricePoint {
        product_id: product(id, "").product_id,
        at: day(n),
        price: Some(Money::new(minor, Currency::PEN)),
        available: true,
    }
}

fn record(prices: &dyn Prices, points: &[PricePoint]) {
    prices.record(points).expect("the write");
}

fn all(prices: &dyn Prices) -> Vec<PricePoint> {
    prices.all().expect("the read")
}

fn points_come_back_as_they_went(path: &Path, open: Open<'_>) {
    let unpriced = PricePoint { price: None, ..point("Ñ a", 2, 0) };
    let gone = PricePoint { available: false, ..point("Ñ a", 3, 100) };
    let dollars = PricePoint { price: Some(Money::new(100, Currency::USD)), ..point("Ñ a", 5, 0) };
    let written = [point("Ñ a", 0, 100), unpriced, gone, point("Ñ a", 4, 100), dollars, point("b", 0, i64::MAX)];
    let prices = open(path);
    assert_eq!(all(&*prices), []);
    record(&*prices, &[]);
    let mut shuffled = written.to_vec();
    shuffled.reverse();
    record(&*prices, &shuffled);
    drop(prices);
    let mut wanted = written.to_vec();
    wanted.sort_by(|left, right| (&left.product_id, left.at).cmp(&(&right.product_id, right.at)));
    assert_eq!(all(&*open(path)), wanted);
}

fn only_changes_are_kept(prices: &dyn Prices) {
    let changes = [point("a", 0, 100), point("a", 3, 80), point("a", 5, 100)];
    record(prices, &[point("a", 0, 100), point("a", 1, 100), point("a", 3, 80), point("a", 4, 80), point("a", 5, 100)]);
    assert_eq!(all(prices), changes);
    record(prices, &changes);
    record(prices, &[point("a", 9, 100)]);
    assert_eq!(all(prices), changes, "what repeats leaves no row");
}

fn a_late_point_takes_its_place(prices: &dyn Prices) {
    record(prices, &[point("a", 5, 80), point("b", 1, 1)]);
    record(prices, &[point("a", 0, 100)]);
    record(prices, &[point("a", 3, 80)]);
    let wanted = [point("a", 0, 100), point("a", 3, 80), point("b", 1, 1)];
    assert_eq!(all(prices), wanted, "the reduction began on day 3, its row of day 5 says nothing new");
}

fn of_two_at_one_moment_the_later_corrects(prices: &dyn Prices) {
    record(prices, &[point("a", 0, 100), point("a", 3, 80), point("a", 5, 100)]);
    record(prices, &[point("a", 3, 90), point("a", 3, 70)]);
    assert_eq!(all(prices), [point("a", 0, 100), point("a", 3, 70), point("a", 5, 100)]);
    record(prices, &[point("a", 3, 100)]);
    assert_eq!(all(prices), [point("a", 0, 100)], "without the reduction nothing ever changed");
}

fn forgetting_leaves_what_held(path: &Path, open: Open<'_>) {
    let prices = open(path);
    record(&*prices, &[point("a", 0, 1), point("a", 2, 2), point("a", 6, 3), point("b", 0, 4), point("c", 9, 5)]);
    let wanted = [point("a", 2, 2), point("a", 6, 3), point("b", 0, 4), point("c", 9, 5)];
    assert_eq!(prices.since(day(4)).expect("the read"), wanted);
    assert_eq!(prices.since(day(2)).expect("the read"), wanted, "from the very moment on");
    assert_eq!(prices.forget_before(day(4)).expect("the deletion"), 1);
    assert_eq!(prices.forget_before(day(4)).expect("the deletion"), 0);
    assert_eq!((all(&*prices), prices.since(day(4)).expect("the read")), (wanted.to_vec(), wanted.to_vec()));
    drop(prices);
    assert_eq!(all(&*open(path)), wanted);
}

/// Points in random order, some again, with moments of their own: what is left are the changes among them, unless a
/// repetition was dropped before a late point came between.
fn random_points_end_as_in_a_plain_list(prices: &dyn Prices) {
    let mut state = 7_u64;
    let mut below = |n: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n
    };
    let mut kept: BTreeMap<(String, Timestamp), PricePoint> = BTreeMap::new();
    for _ in 0..400 {
        let new = point(&format!("p{}", below(4)), below(60) as i64, 100 + below(3) as i64);
        record(prices, std::slice::from_ref(&new));
        let id = new.product_id.to_string();
        kept.remove(&(id.clone(), new.at));
        let before = kept.range(..(id.clone(), new.at)).next_back().map(|(_, point)| point);
        if !before.is_some_and(|before| before.product_id == new.product_id && before.is_same_offer(&new)) {
            kept.insert((id.clone(), new.at), new.clone());
        }
        let after = kept.range((id.clone(), new.at + 1)..).next().map(|(_, point)| point.clone());
        if let Some(after) = after.filter(|after| after.product_id == new.product_id && after.is_same_offer(&new)) {
            kept.remove(&(id, after.at));
        }
        assert_eq!(all(prices), kept.values().cloned().collect::<Vec<_>>(), "after {new:?}");
    }
}

fn a_large_batch_is_quick(prices: &dyn Prices) {
    let batch = |n, minor| (0..20_000).map(|i| point(&format!("product-{i}"), n, minor)).collect::<Vec<_>>();
    let start = std::time::Instant::now();
    for n in 0..3 {
        record(prices, &batch(n, 100 + n / 2));
    }
    assert_eq!(all(prices).len(), 40_000, "on the middle day nothing changed");
    assert!(start.elapsed().as_secs() < 60, "three times 20,000 points took {:?}", start.elapsed());
}
