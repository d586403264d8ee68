//! Factorization machine over the history and the features of users and products, trained to rank.
//!
//! Rendle, *Factorization Machines* (ICDM 2010), with the pairwise loss of BPR (UAI 2009), as LightFM: Kula, *Metadata
//! Embeddings for User and Item Cold-start Recommendations* (CBRecSys 2015). Of the machine's pairs the ones between the
//! two sides are kept: pairs within a user cancel in the loss, pairs within a product are a bias, which it has anyway.
//!
//! A user is the products of the history (Kabbur, Ning, Karypis, *FISM*, KDD 2013) and the features; a product is
//! itself and its features, so that a product nobody chose yet is ranked by what it shares with the others.
//!
//! Features are shared by all users, so there are no strata: a group of users learns from the same parameters on all cores,
//! then their gradients are applied in the users' order.

use pulp::{Arch, Simd, WithSimd};
use rand::Rng;
use rand::rngs::SmallRng;
use rayon::prelude::*;

use crate::factors::nearest_by_cosine;
use crate::linalg::{Panels, add_scaled, dot, padded};
use crate::model::by_size;
use crate::options::OptionSpec;
use crate::pairwise::{self, Rates, popularity};
use crate::sgd::kernels::{along, log_loss, sigmoid};
use crate::sgd::{Lottery, Parameters, generator, shuffle};
use crate::stopping::{Epochs, Patience};
use crate::weighting::{HALF_LIFE_DAYS, WEIGHTING, Weighting, weighted};
use crate::{
    Contribution, Error, Features, FitContext, History, Interactions, Model, Neighbour, Options, Result, Tensors,
    TrainingData,
};

pub const NAME: &str = "fm";
pub const ABOUT: &str = "factorization machine over history and features; ranks products that nobody chose yet";

pub const OPTIONS: &[OptionSpec] = &[
    pairwise::FACTORS,
    pairwise::EPOCHS,
    pairwise::PATIENCE,
    pairwise::LEARNING_RATE,
    pairwise::regularization(0.1),
    pairwise::popularity_power(0.0),
    WEIGHTING,
    HALF_LIFE_DAYS,
];

/// Vectors of products as part of a history and as something to rank (features added in), and of user features.
pub struct Fm {
    options: Options,
    weighting: Weighting,
    half_life_days: f32,
    width: usize,
    history_factors: Vec<f32>,
    item_factors: Vec<f32>,
    item_biases: Vec<f32>,
    user_feature_factors: Vec<f32>,
    panels: Panels,
}

/// What a user is made of: rows of the user side, and how much of each.
type Bag = Vec<(u32, f32)>;

/// `Σ w x / √Σ w` over the history: Kabbur et al. with an exponent of ½.
fn normalized(items: &[u32], weights: &[f32], without: f32) -> f32 {
    let total: f32 = weights.iter().sum::<f32>() - without;
    if items.is_empty() || total <= 0.0 { 0.0 } else { 1.0 / total.sqrt() }
}

struct Fit<'a> {
    options: &'a Options,
    rates: Rates,
    by_user: Interactions,
    user_features: Option<&'a Features>,
    item_features: Option<&'a Features>,
    /// Products of histories, then user features.
    users: Parameters,
    /// Products, then their features.
    items: Parameters,
    lottery: Lottery,
    seed: u64,
    epoch: u64,
}

/// Rows and what each has to move along: all steps of one user.
#[derive(Default)]
struct Gradients {
    rows: Vec<u32>,
    values: Vec<f32>,
    biases: Vec<f32>,
}

impl Gradients {
    fn push(&mut self, row: u32, scale: f32, value: &[f32], bias: f32) {
        self.rows.push(row);
        self.values.extend(value.iter().map(|x| scale * x));
        self.biases.push(bias);
    }
}

/// What one user teaches.
struct Lessons {
    users: Gradients,
    items: Gradients,
    loss: f64,
}

/// Users who learn from the same parameters.
const GROUP: usize = 16;
/// Draws until one is found that the user did not choose.
const MAX_DRAWS: usize = 16;

pub fn fit(data: &TrainingData<'_>, options: &Options, context: &FitContext<'_>) -> Result<Fm> {
    for (features, n, what) in [
        (data.user_features, data.interactions.n_users(), "users"),
        (data.item_features, data.interactions.n_items(), "products"),
    ] {
        if let Some(got) = features.map(Features::n_rows).filter(|&got| got != n) {
            return Err(Error::Data(format!("features: got rows for {got} {what}, wanted {n}")));
        }
    }
    let patience = Patience { max_epochs: options.count("epochs"), patience: options.count("patience") };
    patience.fit(NAME, data.interactions, context, |interactions| Fit::new(data, interactions, options, context.seed))
}

impl<'a> Fit<'a> {
    fn new(data: &TrainingData<'a>, interactions: &Interactions, options: &'a Options, seed: u64) -> Self {
        let (weighting, half_life_days) = weighing(options);
        let by_user = weighted(interactions, weighting, half_life_days);
        let n_items = by_user.n_items();
        let n_features = |features: Option<&Features>| features.map_or(0, Features::n_features);
        let factors = options.count("factors");
        let deviation = 0.1 / (factors as f64).sqrt();
        let mut random = generator(seed, 0, 0);
        let users = Parameters::random(n_items + n_features(data.user_features), factors, deviation, &mut random);
        let mut items = Parameters::random(n_items + n_features(data.item_features), factors, deviation, &mut random);
        // A product starts as what its features say, and who was never chosen stays that: it is no opponent either.
        items.factors[..n_items * padded(factors)].fill(0.0);
        let mut chances = popularity(&by_user, options.number("popularity_power"));
        let mut is_chosen = vec![false; n_items];
        by_user.rows().flat_map(|row| row.items).for_each(|&item| is_chosen[item as usize] = true);
        if is_chosen.contains(&true) {
            chances.iter_mut().zip(&is_chosen).filter(|(_, chosen)| !**chosen).for_each(|(chance, _)| *chance = 0.0);
        }
        Self {
            options,
            rates: Rates::new(options),
            by_user,
            user_features: data.user_features,
            item_features: data.item_features,
            users,
            items,
            lottery: Lottery::new(&chances),
            seed,
            epoch: 0,
        }
    }

    /// The rows that make up a product: itself and its features.
    fn rows_of(&self, item: u32) -> impl Iterator<Item = u32> + '_ {
        let n_items = self.by_user.n_items() as u32;
        let features = self.item_features.map_or(&[][..], |features| features.row(item as usize));
        std::iter::once(item).chain(features.iter().map(move |feature| n_items + feature))
    }

    /// The vector of a product and its bias.
    fn item(&self, item: u32, out: &mut [f32]) -> f32 {
        out.fill(0.0);
        let mut bias = 0.0;
        for row in self.rows_of(item) {
            out.iter_mut().zip(self.items.row(row)).for_each(|(x, y)| *x += y);
            bias += self.items.extras[row as usize].bias;
        }
        bias
    }

    /// An opponent of what the user chose.
    fn draw(&self, chosen: &[u32], random: &mut SmallRng) -> Option<u32> {
        (0..MAX_DRAWS).map(|_| self.lottery.draw(random)).find(|opponent| chosen.binary_search(opponent).is_err())
    }
}

/// One user learns to rank every chosen product, from the others and the features, above a random one.
struct Learn<'a> {
    fit: &'a Fit<'a>,
    user: u32,
    random: SmallRng,
}

impl WithSimd for Learn<'_> {
    type Output = Lessons;

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) -> Lessons {
        let Self { fit, user, .. } = self;
        let row = fit.by_user.row(user as usize);
        let (width, n_items) = (fit.users.width, fit.by_user.n_items() as u32);
        // Served users often come without features: half of the time these are, too.
        let with_features = fit.user_features.filter(|_| self.random.random::<bool>());
        let features = with_features.map_or(&[][..], |features| features.row(user as usize));
        let mut history = vec![0.0; width];
        for (&item, &weight) in row.items.iter().zip(row.weights) {
            add_scaled(simd, &mut history, weight, fit.users.row(item));
        }
        let mut of_features = vec![0.0; width];
        features.iter().for_each(|f| add_scaled(simd, &mut of_features, 1.0, fit.users.row(n_items + f)));

        let mut lessons = Lessons { users: Gradients::default(), items: Gradients::default(), loss: 0.0 };
        let (mut apart, mut chosen) = (vec![0.0; width], vec![0.0; width]);
        let (mut to_history, mut to_features) = (vec![0.0; width], vec![0.0; width]);
        let mut own = Gradients::default();
        for (&item, &weight) in row.items.iter().zip(row.weights) {
            let Some(opponent) = fit.draw(row.items, &mut self.random) else { continue };
            let scale = normalized(row.items, row.weights, weight);
            let mut factors = of_features.clone();
            add_scaled(simd, &mut factors, scale, &history);
            add_scaled(simd, &mut factors, -scale * weight, fit.users.row(item));
            let lead = fit.item(item, &mut chosen) - fit.item(opponent, &mut apart);
            apart.iter_mut().zip(&chosen).for_each(|(y, x)| *y = x - *y);
            let pull = sigmoid(-(lead + dot(simd, &factors, &apart)));
            lessons.loss += f64::from(weight * log_loss(1.0 - pull));
            let pull = weight * pull;
            fit.rows_of(item).for_each(|row| lessons.items.push(row, pull, &factors, pull));
            fit.rows_of(opponent).for_each(|row| lessons.items.push(row, -pull, &factors, -pull));
            add_scaled(simd, &mut to_features, pull, &apart);
            add_scaled(simd, &mut to_history, pull * scale, &apart);
            own.push(item, -pull * scale, &apart, 0.0);
        }
        let mut own = own.rows.iter().zip(own.values.chunks_exact(width)).peekable();
        for (&item, &weight) in row.items.iter().zip(row.weights) {
            let mut gradient = to_history.clone();
            if let Some((_, but_itself)) = own.next_if(|(other, _)| **other == item) {
                add_scaled(simd, &mut gradient, 1.0, but_itself);
            }
            lessons.users.push(item, weight, &gradient, 0.0);
        }
        features.iter().for_each(|f| lessons.users.push(n_items + f, 1.0, &to_features, 0.0));
        lessons
    }
}

/// Applies gradients in order.
struct Apply<'a> {
    rates: Rates,
    parameters: &'a mut Parameters,
    gradients: Vec<&'a Gradients>,
}

impl WithSimd for Apply<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let width = self.parameters.width;
        for gradients in self.gradients {
            let values = gradients.values.chunks_exact(width);
            for ((&row, value), &bias) in gradients.rows.iter().zip(values).zip(&gradients.biases) {
                let extra = &mut self.parameters.extras[row as usize];
                let square = dot(simd, value, value) / width as f32;
                self.rates.bias(extra, bias);
                let by = self.rates.along(extra, 1.0, square);
                along(simd, self.parameters.row_mut(row), by, value);
            }
        }
    }
}

impl Epochs for Fit<'_> {
    type Model = Fm;

    fn epoch(&mut self) -> f64 {
        self.epoch += 1;
        let mut order: Vec<u32> = (0..self.by_user.n_users() as u32).collect();
        shuffle(&mut order, &mut generator(self.seed, self.epoch, 0));
        let mut loss = 0.0;
        for group in order.chunks(GROUP) {
            let learn = |&user: &u32| {
                let random = generator(self.seed, self.epoch, 1 + u64::from(user));
                Arch::new().dispatch(Learn { fit: self, user, random })
            };
            let lessons: Vec<Lessons> = group.par_iter().map(learn).collect();
            loss += lessons.iter().map(|lessons| lessons.loss).sum::<f64>();
            let rates = self.rates;
            let apply = |parameters, gradients| Arch::new().dispatch(Apply { rates, parameters, gradients });
            let (users, items) = (&mut self.users, &mut self.items);
            rayon::join(
                || apply(users, lessons.iter().map(|lessons| &lessons.users).collect()),
                || apply(items, lessons.iter().map(|lessons| &lessons.items).collect()),
            );
        }
        loss / self.by_user.n_interactions().max(1) as f64
    }

    fn model(&self) -> Fm {
        let (n_items, width) = (self.by_user.n_items(), self.items.width);
        let mut item_factors = vec![0.0; n_items * width];
        let vectors = item_factors.chunks_exact_mut(width).zip(0..);
        let item_biases = vectors.map(|(out, item)| self.item(item, out)).collect();
        let (history_factors, user_feature_factors) = self.users.factors.split_at(n_items * width);
        Fm::new(
            self.options.clone(),
            width,
            (history_factors.to_vec(), user_feature_factors.to_vec()),
            (item_factors, item_biases),
        )
    }
}

fn weighing(options: &Options) -> (Weighting, f32) {
    (Weighting::parse(options.word("weighting")), options.number("half_life_days") as f32)
}

pub fn load(tensors: &Tensors, options: &Options) -> Result<Fm> {
    let (shape, item_factors) = tensors.f32("item_factors", 2)?;
    let (history_shape, history_factors) = tensors.f32("history_factors", 2)?;
    let (feature_shape, user_feature_factors) = tensors.f32("user_feature_factors", 2)?;
    let (_, item_biases) = tensors.f32("item_biases", 1)?;
    let width = padded(options.count("factors"));
    if shape != [item_biases.len(), width] || history_shape != shape || feature_shape[1] != width {
        return Err(Error::Artifact(
            "fm: `item_factors`, `history_factors`, `user_feature_factors` and `item_biases` do not fit together"
                .into(),
        ));
    }
    Ok(Fm::new(
        options.clone(),
        width,
        (history_factors.to_vec(), user_feature_factors.to_vec()),
        (item_factors.to_vec(), item_biases.to_vec()),
    ))
}

impl Fm {
    fn new(
        options: Options,
        width: usize,
        (history_factors, user_feature_factors): (Vec<f32>, Vec<f32>),
        (item_factors, item_biases): (Vec<f32>, Vec<f32>),
    ) -> Self {
        let (weighting, half_life_days) = weighing(&options);
        let panels = Panels::pack(&item_factors, width);
        Self {
            options,
            weighting,
            half_life_days,
            width,
            history_factors,
            item_factors,
            item_biases,
            user_feature_factors,
            panels,
        }
    }

    /// The products of a history and how much of each makes up the user.
    fn bag(&self, history: &History<'_>) -> Bag {
        let (items, mut weights) = history.merged(self.item_biases.len(), self.half_life_days);
        weights.iter_mut().for_each(|w| *w = self.weighting.apply(*w));
        let scale = normalized(&items, &weights, 0.0);
        items.into_iter().zip(weights).map(|(item, weight)| (item, scale * weight)).collect()
    }

    fn row<'a>(&self, rows: &'a [f32], row: u32) -> &'a [f32] {
        &rows[row as usize * self.width..(row as usize + 1) * self.width]
    }

    /// [`Model::score`] for a user whose features are known too; unknown numbers say nothing.
    pub fn score_with_features(&self, history: &History<'_>, features: &[u32], scores: &mut [f32]) {
        let bag = self.bag(history);
        let n_features = self.user_feature_factors.len() / self.width;
        let features: Vec<u32> = features.iter().copied().filter(|&f| (f as usize) < n_features).collect();
        if bag.is_empty() && features.is_empty() {
            scores.fill(f32::NEG_INFINITY);
            return;
        }
        let parts = bag.iter().map(|&(item, share)| (self.row(&self.history_factors, item), share));
        let parts = parts.chain(features.iter().map(|&f| (self.row(&self.user_feature_factors, f), 1.0)));
        let mut user = vec![0.0; self.width];
        parts.for_each(|(row, share)| user.iter_mut().zip(row).for_each(|(x, y)| *x += share * y));
        self.panels.product(&user, scores);
        scores.iter_mut().zip(&self.item_biases).for_each(|(score, bias)| *score += bias);
    }
}

impl Model for Fm {
    fn name(&self) -> &'static str {
        NAME
    }

    fn n_items(&self) -> usize {
        self.item_biases.len()
    }

    fn score(&self, history: &History<'_>, scores: &mut [f32]) {
        self.score_with_features(history, &[], scores);
    }

    fn explain(&self, history: &History<'_>, item: u32) -> Vec<Contribution> {
        let bag = self.bag(history);
        if item as usize >= self.n_items() || bag.is_empty() {
            return Vec::new();
        }
        let own = self.row(&self.item_factors, item);
        let bias = Contribution { model: NAME, item: None, value: self.item_biases[item as usize] };
        let parts = bag.into_iter().map(|(source, share)| {
            let product: f32 = self.row(&self.history_factors, source).iter().zip(own).map(|(x, y)| x * y).sum();
            Contribution { model: NAME, item: Some(source), value: share * product }
        });
        by_size(std::iter::once(bias).chain(parts).collect())
    }

    /// By the cosine of the factors, features added in.
    fn neighbours(&self, item: u32, n: usize) -> Vec<Neighbour> {
        if item as usize >= self.n_items() {
            return Vec::new();
        }
        nearest_by_cosine(&self.panels, &self.item_factors, item, n)
    }

    fn tensors(&self) -> Tensors {
        let (n_items, width) = (self.item_biases.len(), self.width);
        let n_features = self.user_feature_factors.len() / width;
        Tensors::new(NAME, self.options.clone())
            .with_f32("item_factors", &[n_items, width], self.item_factors.clone())
            .with_f32("history_factors", &[n_items, width], self.history_factors.clone())
            .with_f32("user_feature_factors", &[n_features, width], self.user_feature_factors.clone())
            .with_f32("item_biases", &[n_items], self.item_biases.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HistoryItem, Interaction, catalogue};

    /// Two crowds, each of its own colour of products; of every colour two products are new and nobody chose them.
    const N_USERS: u32 = 80;
    const N_ITEMS: u32 = 40;
    const N_NEW: u32 = 4;

    fn fitted(with_users: bool) -> Fm {
        let cell = |x: u32| {
            let user = x % N_USERS;
            let item = (x.wrapping_mul(2_654_435_761) >> 16) % ((N_ITEMS - N_NEW) / 2) * 2 + user % 2;
            Interaction { user, item, weight: 1.0, timestamp: 0 }
        };
        let log = Interactions::new(N_USERS as usize, N_ITEMS as usize, &(0..1200).map(cell).collect::<Vec<_>>());
        let log = log.unwrap();
        let colours = Features::new(2, (0..N_ITEMS).map(|item| [item % 2])).unwrap();
        let crowds = Features::new(2, (0..N_USERS).map(|user| [user % 2])).unwrap();
        let mut data = TrainingData { item_features: Some(&colours), ..TrainingData::new(&log) };
        data.user_features = with_users.then_some(&crowds);
        let options = [("factors", "8"), ("epochs", "30"), ("patience", "0")];
        let options = catalogue::find(NAME).unwrap().options(&options).unwrap();
        fit(&data, &options, &FitContext::quiet(1)).unwrap()
    }

    /// The lowest new product of a colour against the highest one of the other, in scores.
    fn lead(scores: &[f32], colour: u32) -> f32 {
        let new = |c: u32| (N_ITEMS - N_NEW..N_ITEMS).filter(move |i| i % 2 == c).map(|i| scores[i as usize]);
        new(colour).fold(f32::INFINITY, f32::min) - new(1 - colour).fold(f32::NEG_INFINITY, f32::max)
    }

    #[test]
    fn products_that_nobody_chose_are_ranked_by_their_features() {
        let model = fitted(false);
        let mut scores = vec![0.0; N_ITEMS as usize];
        for colour in 0..2 {
            let seen = [HistoryItem { item: colour, weight: 1.0, timestamp: 0 }];
            model.score(&History { items: &seen, now: 0 }, &mut scores);
            assert!(lead(&scores, colour) > 0.0, "colour {colour}: {scores:?}");
            // Among all products, too: above all of the other colour.
            let other = (0..N_ITEMS).filter(|i| i % 2 != colour).map(|i| scores[i as usize]);
            let best_other = other.fold(f32::NEG_INFINITY, f32::max);
            assert!(scores[(N_ITEMS - 2 + colour) as usize] > best_other, "colour {colour}: {scores:?}");
        }
    }

    #[test]
    fn users_without_history_are_known_by_their_features() {
        let model = fitted(true);
        let mut scores = vec![0.0; N_ITEMS as usize];
        for crowd in 0..2 {
            model.score_with_features(&History { items: &[], now: 0 }, &[crowd, 99], &mut scores);
            assert!(lead(&scores, crowd) > 0.0, "crowd {crowd}: {scores:?}");
        }
    }

    #[test]
    fn features_must_fit_the_products() {
        let log = Interactions::new(1, 2, &[]).unwrap();
        let features = Features::new(1, [[0]]).unwrap();
        let data = TrainingData { item_features: Some(&features), ..TrainingData::new(&log) };
        let error = catalogue::fit::<&str, &str>(NAME, &[], &data, &FitContext::quiet(1)).err().unwrap().to_string();
        assert!(error.contains("rows for 1 products, wanted 2"), "{error}");
    }
}
