//! What is bought in one order with a product.
//!
//! `item_knn` over orders instead of users: Linden, Smith, York, *Amazon.com Recommendations: Item-to-Item
//! Collaborative Filtering* (IEEE Internet Computing 2003) take the cosine of the products' columns, because the count
//! of common orders alone names best sellers beside everything. A long order holds many pairs by chance, as heavy buyers
//! do (Smith & Linden, *Two Decades of Recommender Systems at Amazon.com*, IEEE Internet Computing 2017), so orders are
//! damped by their length; and what happened once is chance, so pairs need a support.
//!
//! ```text
//! s_o       = lines of o ^ -order_power
//! n_i       = sum of s_o over the orders with i,  c_ij = the same over those with both
//! sim(i, j) = c_ij / (n_i^(1-p) n_j^p) * N_ij / (N_ij + support),  N_ij >= support_min the number of common orders
//! ```
//!
//! It is about a product or a cart. As a shopper's model it would name what went with everything they ever bought, and
//! never what they buy anyway: others speak for shoppers.

use std::borrow::Cow;

use crate::item_item::{ItemItemModel, ItemMatrix};
use crate::item_knn::Likeness;
use crate::options::{OptionSpec, Range};
use crate::weighting::EventWeights;
use crate::{FitContext, HistoryItem, Interactions, Options, Result, Tensors, TrainingData};

pub const NAME: &str = "bought-together";
pub const ABOUT: &str = "what is bought in one order with a product";

pub const OPTIONS: &[OptionSpec] = &[
    OptionSpec::count("neighbours", 100, 1, 10_000, "products kept in each product's list")
    .search(Range::Log(20.0, 500.0)),
    OptionSpec::number(
        "popularity_power",
        0.5,
        0.0,
        1.0,
        "the norm of the other product to 2 × this power: 0 is the share of orders, which favours best sellers, 0.5 the cosine, 1 the lift",
    )
    .search(Range::Linear(0.0, 0.7)),
    OptionSpec::number("order_power", 0.5, 0.0, 2.0, "damping of long orders: of n products, one counts n^-order_power")
    .search(Range::Linear(0.0, 1.5)),
    OptionSpec::count("support_min", 2, 1, 10_000, "products with fewer common orders do not go together"),
    OptionSpec::number(
        "support",
        2.0,
        0.0,
        1e6,
        "similarity from n common orders counts n / (n + support): few of them may be chance",
    )
    .search(Range::Linear(0.0, 20.0)),
];

pub fn fit(data: &TrainingData<'_>, options: &Options, context: &FitContext<'_>) -> Result<ItemItemModel> {
    let orders = match data.orders {
        Some(orders) => Cow::Borrowed(orders),
        None => Cow::Owned(days(data.interactions)?),
    };
    let popularity_power = options.number("popularity_power") as f32;
    let likeness = Likeness {
        neighbours: options.count("neighbours"),
        user_power: options.number("order_power"),
        norms: (1.0 - popularity_power, popularity_power),
        shrinkage: 0.0,
        support: options.number("support") as f32,
        common_min: options.count("support_min"),
    };
    // Three cups in an order are no more beside its saucer than one.
    let by_order = orders.merged().map_cells(|_, _, _| 1.0);
    Ok(ItemItemModel::new(NAME, options, EventWeights::NONE, likeness.matrix(NAME, &by_order, context)?))
}

/// A row for each day (UTC) on which a user bought something. Purchases are the heaviest events, as in `buy_again`;
/// where the data has no time, all of a user's are one order.
fn days(interactions: &Interactions) -> Result<Interactions> {
    let heaviest = interactions.rows().flat_map(|row| row.weights).copied().fold(0.0, f32::max);
    let day = |event: &HistoryItem| event.timestamp.div_euclid(86_400);
    let orders = (0..interactions.n_users()).flat_map(|user| {
        let mut bought = interactions.history(user);
        bought.retain(|event| event.weight >= heaviest);
        bought.chunk_by(|a, b| day(a) == day(b)).map(<[_]>::to_vec).collect::<Vec<_>>()
    });
    Interactions::from_rows(interactions.n_items(), orders)
}

pub fn load(tensors: &Tensors, options: &Options) -> Result<ItemItemModel> {
    Ok(ItemItemModel::new(NAME, options, EventWeights::NONE, ItemMatrix::load(tensors)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Interaction, Model, catalogue};

    fn log(n_rows: usize, n_items: usize, cells: &[(u32, u32, f32, i64)]) -> Interactions {
        let cell =
            |&(user, item, weight, timestamp): &(u32, u32, f32, i64)| Interaction { user, item, weight, timestamp };
        Interactions::new(n_rows, n_items, &cells.iter().map(cell).collect::<Vec<_>>()).unwrap()
    }

    fn fitted(data: &TrainingData<'_>, options: &[(&str, &str)]) -> Box<dyn Model> {
        catalogue::fit(NAME, options, data, &FitContext::quiet(0)).unwrap()
    }

    fn neighbours_of_0(model: &dyn Model) -> Vec<(u32, f32)> {
        model.neighbours(0, 9).iter().map(|n| (n.item, n.similarity)).collect()
    }

    /// Orders: twice {0, 1, 2}, {0, 2}, {0, 3}, and three times {2} alone: 2 is the best seller.
    fn orders() -> Interactions {
        let baskets: [&[u32]; 7] = [&[0, 1, 2], &[0, 1, 2], &[0, 2], &[0, 3], &[2], &[2], &[2]];
        let cells = (0..).zip(baskets).flat_map(|(order, items)| items.iter().map(move |&item| (order, item, 1.0, 0)));
        log(7, 4, &cells.collect::<Vec<_>>())
    }

    #[test]
    fn what_goes_with_a_product_by_hand() {
        let (nothing, orders) = (log(1, 4, &[]), orders());
        let data = TrainingData { orders: Some(&orders), ..TrainingData::new(&nothing) };
        let of = |options: &[(&str, &str)]| {
            neighbours_of_0(fitted(&data, &[&[("order_power", "0"), ("support", "0")], options].concat()).as_ref())
        };
        let assert_close = |got: Vec<(u32, f32)>, wanted: &[(u32, f32)]| {
            let close = |(g, w): (&(u32, f32), &(u32, f32))| g.0 == w.0 && (g.1 - w.1).abs() < 1e-6;
            assert!(got.len() == wanted.len() && got.iter().zip(wanted).all(close), "got {got:?}, wanted {wanted:?}");
        };
        // 0 is in 4 orders, 1 in 2, 2 in 6; common: 2 with 1, 3 with 2, once with 3, which is left out.
        let cosine = [(1, 2.0 / 8.0_f32.sqrt()), (2, 3.0 / 24.0_f32.sqrt())];
        assert_close(of(&[]), &cosine);
        assert_close(of(&[("support_min", "1"), ("neighbours", "1")]), &cosine[..1]);
        assert_eq!(of(&[("support_min", "1")]).len(), 3);
        // The share of orders names the best seller first.
        assert_close(of(&[("popularity_power", "0")]), &[(2, 0.75), (1, 0.5)]);
        // Of 2 and 3 common orders: 2 / (2 + 2), 3 / (3 + 2).
        assert_close(of(&[("support", "2")]), &[(2, cosine[1].1 * 0.6), (1, cosine[0].1 * 0.5)]);
        // Orders count 1/3, 1/3, 1/2, 1/2, 1, 1, 1: n_0 = 5/3, n_1 = 2/3, n_2 = 25/6, c_01 = 2/3, c_02 = 7/6.
        let damped = [(1, 2.0 / 3.0 / (10.0_f32 / 9.0).sqrt()), (2, 7.0 / 6.0 / (125.0_f32 / 18.0).sqrt())];
        assert_close(of(&[("order_power", "1")]), &damped);
    }

    #[test]
    fn without_orders_those_of_a_day_are_one() {
        const DAY: i64 = 86_400;
        // On days 0 and 3 the users buy 0 and 1, on day 1 also 2; views of 3 are no purchase, and 4 was bought the day
        // after.
        let events = [(0, 0, 5.0, 10), (0, 1, 5.0, 99), (0, 3, 1.0, 50), (0, 2, 5.0, DAY), (1, 4, 5.0, 4 * DAY)];
        let again = [(1, 0, 5.0, 3 * DAY), (1, 1, 5.0, 3 * DAY + 7), (1, 3, 1.0, 3 * DAY)];
        let log = log(2, 5, &[&events[..], &again[..]].concat());
        let model = fitted(&TrainingData::new(&log), &[("support", "0")]);
        let neighbours = neighbours_of_0(model.as_ref());
        assert!(matches!(neighbours[..], [(1, similarity)] if (similarity - 1.0).abs() < 1e-6), "{neighbours:?}");
    }

    #[test]
    fn how_often_it_is_in_the_cart_says_nothing() {
        let (nothing, orders) = (log(1, 4, &[]), orders());
        let model = fitted(&TrainingData { orders: Some(&orders), ..TrainingData::new(&nothing) }, &[]);
        let scores = |weight: f32| {
            let mut scores = vec![0.0; 4];
            let items = [HistoryItem { item: 0, weight, timestamp: 0 }];
            model.score(&crate::History { items: &items, now: 9 }, &mut scores);
            scores
        };
        assert_eq!(scores(1.0), scores(7.0));
        assert!(scores(1.0)[1] > 0.0 && scores(1.0)[3] == f32::NEG_INFINITY);
    }
}
