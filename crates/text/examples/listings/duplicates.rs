//! The head is learned on one part of the labels and read on the other.

use text::listings::{Evidence, HEAD, Head, Listings};
use text::{Softmax, SoftmaxOptions, Sparse};

use crate::Product;
use crate::sample::{Counts, Pair, Sample};

const FOLDS: usize = 10;
const PENALTIES: [f32; 4] = [1e-4, 3e-4, 1e-3, 3e-3];
/// Resamplings behind an interval.
const RESAMPLINGS: usize = 2000;

fn options(l2: f32) -> SoftmaxOptions {
    SoftmaxOptions { epochs: 1000, rate: 0.1, l2 }
}

/// Learns the head on the part `choose` and prints it, and whether the one in the library is the same.
pub fn head(sample: &Sample, listings: &Listings, embeddings: Option<&[Vec<f32>]>) {
    let pairs = sample.part(false);
    let rows: Vec<Sparse> = pairs.iter().map(|pair| listings.evidence(pair.a, pair.b).row()).collect();
    println!(
        "\nhead, on {} pairs of which {} are one product; log loss over {FOLDS} folds:",
        pairs.len(),
        positives(&pairs)
    );
    let (l2, unseen) = penalty("  evidence", &pairs, &rows);
    if let Some(embeddings) = embeddings {
        let with = |(pair, row): (&&Pair, &Sparse)| {
            let (a, b) = (&embeddings[pair.a as usize], &embeddings[pair.b as usize]);
            let cosine = a.iter().zip(b).map(|(x, y)| x * y).sum();
            Sparse::new(row.entries().iter().copied().chain([(Evidence::NAMES.len() as u32, cosine)]).collect())
        };
        penalty("  evidence and cosine of embeddings", &pairs, &pairs.iter().zip(&rows).map(with).collect::<Vec<_>>());
    }
    let learned = learn(&pairs, &rows, &(0..pairs.len()).collect::<Vec<_>>(), l2);
    let weights: [f32; Evidence::NAMES.len()] =
        std::array::from_fn(|column| rounded(learned.weight(column, 1) - learned.weight(column, 0)));
    let bias = rounded(learned.bias(1) - learned.bias(0));
    let threshold = threshold(&pairs, &unseen);
    let head = Head { weights, bias, threshold };
    Evidence::NAMES.iter().zip(weights).for_each(|(name, weight)| println!("  {weight:>6.2}  {name}"));
    println!("  {bias:>6.2}  otherwise; one product from {threshold:.2} on");
    println!("  {}", if head == HEAD { "the library has this head" } else { "THE LIBRARY HAS ANOTHER HEAD" });
    println!("  {head:?}");
}

fn rounded(weight: f32) -> f32 {
    (weight * 100.0).round() / 100.0
}

fn positives(pairs: &[&Pair]) -> usize {
    pairs.iter().filter(|pair| pair.same).count()
}

fn learn(pairs: &[&Pair], rows: &[Sparse], of: &[usize], l2: f32) -> Softmax {
    let classes: Vec<u32> = of.iter().map(|&i| u32::from(pairs[i].same)).collect();
    let width = rows[0].entries().len();
    Softmax::fit(&of.iter().map(|&i| &rows[i]).collect::<Vec<_>>(), &classes, width, 2, options(l2))
}

/// The penalty under which held-out folds are likeliest, and the probabilities that they get then.
fn penalty(name: &str, pairs: &[&Pair], rows: &[Sparse]) -> (f32, Vec<f32>) {
    let unseen = |l2: f32| -> Vec<f32> {
        let mut probabilities = vec![0.0; pairs.len()];
        for fold in 0..FOLDS {
            let seen: Vec<usize> = (0..pairs.len()).filter(|i| i % FOLDS != fold).collect();
            let model = learn(pairs, rows, &seen, l2);
            (fold..pairs.len()).step_by(FOLDS).for_each(|i| probabilities[i] = model.probabilities(&rows[i], 1.0)[1]);
        }
        probabilities
    };
    let log_loss = |probabilities: &[f32]| {
        let loss = |(p, pair): (&f32, &&Pair)| -f64::from(if pair.same { *p } else { 1.0 - p }).max(1e-9).ln();
        probabilities.iter().zip(pairs).map(loss).sum::<f64>() / pairs.len() as f64
    };
    let tried = PENALTIES.map(|l2| (l2, unseen(l2)));
    tried.iter().for_each(|(l2, p)| println!("{name}, penalty {l2:.0e}: {:.4}", log_loss(p)));
    let [first, rest @ ..] = tried;
    rest.into_iter().fold(first, |best, next| if log_loss(&next.1) < log_loss(&best.1) { next } else { best })
}

/// Of a grid, the one with the greatest F1 by the probabilities of held-out folds.
fn threshold(pairs: &[&Pair], unseen: &[f32]) -> f32 {
    let f1 = |threshold: f32| {
        let mut counts = Counts::default();
        pairs.iter().zip(unseen).for_each(|(pair, &p)| counts.add(pair.same, p >= threshold, 1.0));
        counts.f1()
    };
    let grid = (4..=18).map(|i| i as f32 / 20.0);
    grid.map(|threshold| (threshold, f1(threshold)))
        .inspect(|(t, f)| println!("  threshold {t:.2}: F1 {f:.3}"))
        .fold((0.5, 0.0), |best, next| if next.1 > best.1 { next } else { best })
        .0
}

/// What the library's head does on the part `test`.
pub fn test(sample: &Sample, listings: &Listings) {
    let pairs = sample.part(true);
    let decided: Vec<bool> =
        pairs.iter().map(|pair| HEAD.probability(&listings.evidence(pair.a, pair.b)) >= HEAD.threshold).collect();
    println!(
        "\ntest, {} pairs of which {} are one product (95 % by resampling within strata):",
        pairs.len(),
        positives(&pairs)
    );
    report("  labelled pairs", &pairs, &decided, |_| 1.0);
    report("  all candidate pairs", &pairs, &decided, |pair| pair.weight);
}

fn report(name: &str, pairs: &[&Pair], decided: &[bool], weight: impl Fn(&Pair) -> f64) {
    let counts = |indices: &mut dyn Iterator<Item = usize>| {
        let mut counts = Counts::default();
        indices.for_each(|i| counts.add(pairs[i].same, decided[i], weight(pairs[i])));
        counts
    };
    let strata: Vec<Vec<usize>> = (0..=pairs.iter().map(|pair| pair.stratum).max().unwrap_or(0))
        .map(|stratum| (0..pairs.len()).filter(|&i| pairs[i].stratum == stratum).collect())
        .collect();
    let mut state = 20_241_112u64;
    let mut random = |n: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % n
    };
    let resampled: Vec<Counts> = (0..RESAMPLINGS)
        .map(|_| {
            let drawn: Vec<usize> = strata
                .iter()
                .flat_map(|stratum| stratum.iter().map(|_| stratum[random(stratum.len())]).collect::<Vec<_>>())
                .collect();
            counts(&mut drawn.into_iter())
        })
        .collect();
    let all = counts(&mut (0..pairs.len()));
    let line = |name: &str, of: fn(Counts) -> f64| {
        let mut values: Vec<f64> = resampled.iter().map(|&counts| of(counts)).filter(|x| x.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        let at = |share: f64| values[(share * (values.len() - 1) as f64) as usize];
        format!("{name} {:.3} ({:.3} – {:.3})", of(all), at(0.025), at(0.975))
    };
    println!(
        "{name}: {}, {}, {}",
        line("precision", Counts::precision),
        line("recall", Counts::recall),
        line("F1", Counts::f1)
    );
}

pub fn groups(groups: &[Vec<u32>], products: &[Product], seconds: f64) {
    let sizes: Vec<usize> = groups.iter().map(Vec::len).collect();
    let largest = groups.iter().max_by_key(|group| group.len()).map_or(&[][..], Vec::as_slice);
    let several = groups.iter().filter(|group| {
        group.iter().any(|&place| products[place as usize].seller != products[group[0] as usize].seller)
    });
    println!(
        "\n{} groups of {} listings in {seconds:.1} s, read anew; {} of them have several sellers",
        groups.len(),
        sizes.iter().sum::<usize>(),
        several.count()
    );
    let of = |range: std::ops::RangeInclusive<usize>| sizes.iter().filter(|&size| range.contains(size)).count();
    println!(
        "  of 2: {}, of 3: {}, of 4 to 9: {}, of 10 and more: {}",
        of(2..=2),
        of(3..=3),
        of(4..=9),
        of(10..=usize::MAX)
    );
    println!("  the largest, of {}:", largest.len());
    for &place in largest.iter().take(12) {
        let product = &products[place as usize];
        println!("  {} {} | {} | {}", product.id, product.title, product.seller, product.price);
    }
}
