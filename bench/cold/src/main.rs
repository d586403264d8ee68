//! Cold products: a tenth of the catalogue is kept out of training entirely; who would have bought it?
//!
//! `bench/cold/run` makes its input of dunnhumby's Complete Journey; `docs/quality.md` has the protocol and the figures.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, ensure};
use clap::{Parser, ValueEnum};
use models::cold::ColdMap;
use models::linalg::Panels;
use models::{FitContext, History, Interaction, Interactions, Neighbour, TrainingData, catalogue, ials, rank};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};
use rayon::prelude::*;
use text::cache::{FileCache, encode_cached};
use text::words::Language;
use text::{Bert, Nearest, Precision, Sparse, TextEncoder, TfIdf, TfIdfOptions, Unwatched, Vectors, centred};

#[derive(Debug, Parser)]
#[command(about = "Recall of the buyers of products that training never saw")]
struct Cli {
    /// A folder with products.jsonl and purchases.csv, as `bench/cold/lines.py` writes them
    data: PathBuf,
    /// A text model's folder; without one, TF-IDF and attributes alone
    #[arg(long, requires = "cache")]
    text_model: Option<PathBuf>,
    /// Where embeddings are kept between runs
    #[arg(long)]
    cache: Option<PathBuf>,
    /// Options are chosen on one tenth of the products, the other is read once
    #[arg(long, value_enum, default_value_t = Part::Validation)]
    part: Part,
    /// Share of the embeddings in a similarity, beside TF-IDF and attributes
    #[arg(long, default_value_t = 0.3)]
    bert: f32,
    /// Share of the attributes beside TF-IDF
    #[arg(long, default_value_t = 0.7)]
    attributes: f32,
    /// Most similar known products that the map hears
    #[arg(long, default_value_t = 200)]
    neighbours: usize,
    /// Sets the map's contrast instead of learning it
    #[arg(long)]
    contrast: Option<f32>,
    /// Options of ials, KEY=VALUE
    #[arg(long, value_delimiter = ' ', default_value = "factors=512 epochs=6 alpha=0.1 regularization=0.3")]
    set: Vec<String>,
    #[arg(long, default_value_t = 7)]
    seed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Validation,
    Test,
}

/// Length of the lists.
const K: usize = 50;
/// Known products that the map learns from.
const LEARNED_FROM: usize = 1000;
const N_RESAMPLES: usize = 1000;

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let shop = Shop::read(&cli.data)?;
    let split = Split::draw(&shop, cli.part, cli.seed)?;
    println!("{split}");
    let contents = contents(&shop, &cli)?;
    let judge = |name: &str, scores: &Scores| Judged::new(name, &split, scores);

    let popularity = judge("popularity", &popularity(&shop, &split));
    let content = judge("content similarity", &content_similarity(&contents, &split, cli.bert));
    let map = judge("learned map", &learned_map(&contents, &split, &cli)?);
    for (what, reading) in [
        ("per user: recall@50 of the cold products that they bought", Judged::users as fn(&Judged) -> &[f64]),
        ("per cold product: recall@50 of its buyers", Judged::products as fn(&Judged) -> &[f64]),
    ] {
        println!("\n{what}, {} lists", reading(&map).len());
        for judged in [&popularity, &content, &map] {
            println!("  {:<19} {}", judged.name, mean_and_interval(reading(judged), cli.seed));
        }
        for other in [&popularity, &content] {
            println!("  learned map ÷ {:<19} {}", other.name, ratio(reading(&map), reading(other), cli.seed));
        }
    }
    Ok(())
}

/// What is known of a product.
#[derive(Debug, Default, serde::Deserialize)]
struct Product {
    /// From general to special.
    categories: Vec<String>,
    brand: Option<String>,
    manufacturer: Option<String>,
    size: Option<String>,
}

/// Who bought what, and what it says of itself.
struct Shop {
    n_users: usize,
    products: Vec<Product>,
    purchases: Vec<Interaction>,
}

impl Shop {
    fn read(folder: &Path) -> anyhow::Result<Self> {
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).with_context(|| format!("reading {name}"));
        let products = read("products.jsonl")?.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        let purchase = |line: &str| {
            let mut numbers = line.split(',');
            let mut next = || numbers.next().with_context(|| format!("got `{line}`, wanted user,product,seconds"));
            let (user, item, timestamp) = (next()?.parse()?, next()?.parse()?, next()?.parse()?);
            anyhow::Ok(Interaction { user, item, weight: 1.0, timestamp })
        };
        let purchases = read("purchases.csv")?.lines().map(purchase).collect::<anyhow::Result<Vec<_>>>()?;
        let n_users = purchases.iter().map(|purchase| purchase.user as usize + 1).max().unwrap_or(0);
        Ok(Self { n_users, products, purchases })
    }
}

/// Training data without the cold products, and who bought those.
struct Split {
    train: Interactions,
    /// Products with events in training.
    known: Vec<u32>,
    cold: Vec<u32>,
    /// For each user, positions in `cold`.
    bought: Vec<Vec<u32>>,
    now: i64,
}

impl Split {
    /// Two tenths of the products by a seed: for validation the test tenth is out of sight, too.
    fn draw(shop: &Shop, part: Part, seed: u64) -> anyhow::Result<Self> {
        let n_items = shop.products.len();
        let mut order: Vec<u32> = (0..n_items as u32).collect();
        order.shuffle(&mut StdRng::seed_from_u64(seed));
        let tenth = n_items / 10;
        let (mut cold, mut known) = match part {
            Part::Test => (order[..tenth].to_vec(), order[tenth..].to_vec()),
            Part::Validation => (order[tenth..2 * tenth].to_vec(), order[2 * tenth..].to_vec()),
        };
        cold.sort_unstable();
        known.sort_unstable();
        ensure!(cold.len() > K, "got {} cold products, wanted more than {K}", cold.len());
        let place: HashMap<u32, u32> = cold.iter().copied().zip(0..).collect();
        let is_known: Vec<bool> = (0..n_items as u32).map(|item| known.binary_search(&item).is_ok()).collect();
        let (mut cells, mut bought) = (Vec::new(), vec![Vec::new(); shop.n_users]);
        for &purchase in &shop.purchases {
            if is_known[purchase.item as usize] {
                cells.push(purchase);
            } else if let Some(&position) = place.get(&purchase.item) {
                bought[purchase.user as usize].push(position);
            }
        }
        for products in &mut bought {
            products.sort_unstable();
            products.dedup();
        }
        let train = Interactions::new(shop.n_users, n_items, &cells)?;
        let now = train.newest_timestamp();
        Ok(Self { train, known, cold, bought, now })
    }

    fn n_users(&self) -> usize {
        self.bought.len()
    }
}

impl std::fmt::Display for Split {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let pairs: usize = self.bought.iter().map(Vec::len).sum();
        let buyers = self.bought.iter().filter(|products| !products.is_empty()).count();
        let (cold, known, lines) = (self.cold.len(), self.known.len(), self.train.n_interactions());
        write!(
            f,
            "{cold} cold products, {buyers} users bought some, {pairs} pairs; {known} known products, {lines} lines"
        )
    }
}

/// A row per user, a column per cold product.
struct Scores(Vec<f32>);

impl Scores {
    fn by_user(split: &Split, fill: impl Fn(usize, &mut [f32]) + Sync) -> Self {
        let mut scores = vec![0.0; split.n_users() * split.cold.len()];
        scores.par_chunks_mut(split.cold.len()).enumerate().for_each(|(user, row)| fill(user, row));
        Self(scores)
    }
}

/// A cold product has no count of its own: it counts what the known products of its most special category have on
/// average, shrunk towards the category above. A user counts the different known products that they bought.
fn popularity(shop: &Shop, split: &Split) -> Scores {
    let pairs = split.train.merged();
    let mut buyers = vec![0.0f32; pairs.n_items()];
    pairs.cells().for_each(|cell| buyers[cell.item as usize] += 1.0);
    let mut shelves: HashMap<&[String], (f32, f32)> = HashMap::new();
    for &item in &split.known {
        let path = &shop.products[item as usize].categories;
        for depth in 0..=path.len() {
            let shelf = shelves.entry(&path[..depth]).or_default();
            *shelf = (shelf.0 + buyers[item as usize], shelf.1 + 1.0);
        }
    }
    const SHRINK: f32 = 5.0;
    let of_product = |&item: &u32| {
        let path = &shop.products[item as usize].categories;
        (0..=path.len())
            .filter_map(|depth| shelves.get(&path[..depth]))
            .fold(0.0, |above, (buyers, products)| (buyers + SHRINK * above) / (products + SHRINK))
    };
    let of_product: Vec<f32> = split.cold.iter().map(of_product).collect();
    Scores::by_user(split, |user, row| {
        let activity = pairs.row(user).items.len() as f32;
        row.iter_mut().zip(&of_product).for_each(|(score, shelf)| *score = activity * shelf);
    })
}

/// Attributes and terms in one sparse vector, beside the embedding.
fn contents(shop: &Shop, cli: &Cli) -> anyhow::Result<Vec<Vectors>> {
    let texts: Vec<String> = shop.products.iter().map(text_of).collect();
    let tfidf = TfIdf::fit(&texts, TfIdfOptions { language: Language::English, ..TfIdfOptions::default() });
    let attributes = attributes(&shop.products);
    let words = texts.par_iter().zip(attributes).map(|(text, attributes)| {
        let terms = tfidf.vector(text);
        let first = tfidf.width() as u32;
        let scaled = |entries: &[(u32, f32)], share: f32, first: u32| -> Vec<(u32, f32)> {
            entries.iter().map(|&(index, x)| (first + index, x * share.sqrt())).collect()
        };
        let mut entries = scaled(terms.entries(), 1.0 - cli.attributes, 0);
        entries.extend(scaled(&attributes, cli.attributes, first));
        entries.retain(|entry| entry.1 > 0.0);
        Sparse::new(entries)
    });
    let words: Vec<Sparse> = words.collect();
    let embeddings = match (&cli.text_model, &cli.cache) {
        (Some(model), Some(cache)) => embeddings(&texts, model, cache)?,
        _ => vec![Vec::new(); texts.len()],
    };
    Ok(embeddings.into_iter().zip(words).map(|(embedding, words)| Vectors { embedding, words }).collect())
}

/// Category path, brand and size.
fn text_of(product: &Product) -> String {
    let others = product.brand.iter().chain(&product.size);
    product.categories.iter().chain(others).map(String::as_str).collect::<Vec<_>>().join(" ")
}

/// For each product what it has of category levels, brand, manufacturer and size, weighted by rarity, of length 1.
fn attributes(products: &[Product]) -> Vec<Vec<(u32, f32)>> {
    let named = |product: &Product| -> Vec<(usize, String)> {
        let others = [&product.brand, &product.manufacturer, &product.size].into_iter().enumerate();
        let others = others.filter_map(|(kind, value)| Some((kind, value.clone()?)));
        others.chain((3..).zip(product.categories.iter().cloned())).collect()
    };
    let rows: Vec<Vec<(usize, String)>> = products.iter().map(named).collect();
    let mut counts: HashMap<&(usize, String), (u32, u32)> = HashMap::new();
    for attribute in rows.iter().flatten() {
        let next = counts.len() as u32;
        counts.entry(attribute).or_insert((next, 0)).1 += 1;
    }
    let weight =
        |(number, count): (u32, u32)| (number, ((1.0 + products.len() as f32) / (1.0 + count as f32)).ln() + 1.0);
    let row = |row: &Vec<(usize, String)>| {
        let mut entries: Vec<(u32, f32)> = row.iter().map(|attribute| weight(counts[attribute])).collect();
        let norm = entries.iter().map(|(_, x)| x * x).sum::<f32>().sqrt();
        entries.iter_mut().for_each(|(_, x)| *x /= norm);
        entries
    };
    rows.iter().map(row).collect()
}

fn embeddings(texts: &[String], model: &Path, cache: &Path) -> anyhow::Result<Vec<Vec<f32>>> {
    let bert = Bert::open(model, Precision::Int8)?;
    let mut cache = FileCache::open(cache, &bert)?;
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let embeddings = encode_cached(&bert, &mut cache, &texts, &Unwatched)?;
    let mean = embeddings.mean();
    Ok(embeddings.rows().map(|row| centred(row, &mean)).collect())
}

/// Cosine of a product and the mean of what the user bought, each pair counting log2(1 + lines); of embeddings and of
/// sparse vectors, blended as everywhere.
fn content_similarity(contents: &[Vectors], split: &Split, bert: f32) -> Scores {
    let pairs = split.train.merged();
    let width = contents.first().map_or(0, |vectors| vectors.embedding.len());
    let bert = if width == 0 { 0.0 } else { bert };
    let n_terms = contents.iter().filter_map(|v| v.words.entries().last()).map(|e| e.0 as usize + 1).max().unwrap_or(0);
    Scores::by_user(split, |user, row| {
        let (mut meaning, mut words) = (vec![0.0f32; width], vec![0.0f32; n_terms]);
        let bought = pairs.row(user);
        for (&item, &lines) in bought.items.iter().zip(bought.weights) {
            let (vectors, weight) = (&contents[item as usize], (1.0 + lines).log2());
            meaning.iter_mut().zip(&vectors.embedding).for_each(|(sum, x)| *sum += weight * x);
            vectors.words.entries().iter().for_each(|&(term, x)| words[term as usize] += weight * x);
        }
        let norm = |x: &[f32]| x.iter().map(|x| x * x).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
        let (meaning_norm, words_norm) = (norm(&meaning), norm(&words));
        for (score, &item) in row.iter_mut().zip(&split.cold) {
            let vectors = &contents[item as usize];
            let by_meaning: f32 = meaning.iter().zip(&vectors.embedding).map(|(x, y)| x * y).sum();
            let by_words: f32 = vectors.words.entries().iter().map(|&(term, x)| words[term as usize] * x).sum();
            *score = bert * by_meaning / meaning_norm + (1.0 - bert) * by_words / words_norm;
        }
    })
}

/// Factors of the known products, the map to them, the cold products placed among them, the users folded in.
fn learned_map(contents: &[Vectors], split: &Split, cli: &Cli) -> anyhow::Result<Scores> {
    let start = Instant::now();
    let pairs = cli.set.iter().map(|pair| models::options::key_value(pair)).collect::<Result<Vec<_>, _>>();
    let pairs = pairs.map_err(anyhow::Error::msg)?;
    let options = catalogue::find(ials::NAME)?.options(&pairs)?;
    let model = ials::fit(&TrainingData::new(&split.train), &options, &FitContext::quiet(cli.seed))?;
    println!("ials: {:.1} s", start.elapsed().as_secs_f64());

    let mut nearest = Nearest::new(contents.first().map_or(0, |vectors| vectors.embedding.len()), cli.bert);
    split.known.iter().for_each(|&item| nearest.insert(item, contents[item as usize].clone()));
    let neighbours = |item: u32| -> Vec<Neighbour> {
        let found = nearest.neighbours(&contents[item as usize], cli.neighbours, |&other| other != item);
        found.into_iter().map(|found| Neighbour { item: found.key, similarity: found.similarity }).collect()
    };
    let start = Instant::now();
    let mut sample = split.known.clone();
    sample.shuffle(&mut StdRng::seed_from_u64(cli.seed));
    let sample: Vec<_> = sample.into_par_iter().take(LEARNED_FROM).map(|item| (item, neighbours(item))).collect();
    let found = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let learned = ColdMap::fit(&model, &sample)?;
    println!(
        "map: {learned:?}, neighbours of {} {found:.1} s, fit {:.3} s",
        sample.len(),
        start.elapsed().as_secs_f64()
    );
    let map = ColdMap { contrast: cli.contrast.unwrap_or(learned.contrast), ..learned };

    let found: Vec<Vec<Neighbour>> = split.cold.par_iter().map(|&item| neighbours(item)).collect();
    let start = Instant::now();
    let factors: Vec<Option<Vec<f32>>> = found.iter().map(|found| map.factors_of(&model, found)).collect();
    let micros = start.elapsed().as_secs_f64() * 1e6 / factors.len() as f64;
    println!(
        "one product: {micros:.0} µs on one core; {} without factors",
        factors.iter().filter(|f| f.is_none()).count()
    );

    // A product of which nothing is known has no score: last of all, below any that was scored.
    let nothing = vec![0.0; model.width()];
    let rows: Vec<f32> = factors.iter().flat_map(|row| row.as_ref().unwrap_or(&nothing)).copied().collect();
    let panels = Panels::pack(&rows, model.width());
    Ok(Scores::by_user(split, |user, scores| {
        let items = split.train.history(user);
        model.score_products(&[History { items: &items, now: split.now }], &panels, scores);
        scores
            .iter_mut()
            .zip(&factors)
            .filter(|(_, row)| row.is_none())
            .for_each(|(score, _)| *score = f32::NEG_INFINITY);
    }))
}

/// Recall of each list, read both ways.
struct Judged {
    name: String,
    users: Vec<f64>,
    products: Vec<f64>,
}

impl Judged {
    fn new(name: &str, split: &Split, scores: &Scores) -> Self {
        let n_cold = split.cold.len();
        let mut buyers = vec![Vec::new(); n_cold];
        for (user, products) in split.bought.iter().enumerate() {
            products.iter().for_each(|&product| buyers[product as usize].push(user as u32));
        }
        let users = split.bought.par_iter().enumerate().filter(|(_, bought)| !bought.is_empty());
        let users = users.map(|(user, bought)| recall(&scores.0[user * n_cold..][..n_cold], bought)).collect();
        let of_product = |product: usize| scores.0.iter().skip(product).step_by(n_cold).copied().collect::<Vec<f32>>();
        let products =
            buyers.par_iter().enumerate().map(|(product, buyers)| recall(&of_product(product), buyers)).collect();
        Self { name: name.to_owned(), users, products }
    }

    fn users(&self) -> &[f64] {
        &self.users
    }

    fn products(&self) -> &[f64] {
        &self.products
    }
}

/// Share of `relevant` (sorted) among the best [`K`].
fn recall(scores: &[f32], relevant: &[u32]) -> f64 {
    let hits = rank::top_k(scores, K).iter().filter(|(found, _)| relevant.binary_search(found).is_ok()).count();
    hits as f64 / relevant.len() as f64
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn mean_and_interval(values: &[f64], seed: u64) -> String {
    let (low, high) = interval(seed, |draw| draw.iter().map(|&i| values[i]).sum::<f64>(), values.len());
    let n = values.len() as f64;
    format!("{:.4} ({:.4}–{:.4})", mean(values), low / n, high / n)
}

/// Of the means, the lists resampled in pairs.
fn ratio(first: &[f64], second: &[f64], seed: u64) -> String {
    let sum = |draw: &[usize], of: &[f64]| draw.iter().map(|&i| of[i]).sum::<f64>();
    let (low, high) = interval(seed, |draw| sum(draw, first) / sum(draw, second), first.len());
    format!("{:.2} ({low:.2}–{high:.2})", mean(first) / mean(second))
}

/// 95 % percentile bootstrap interval of a figure of `n` lists.
fn interval(seed: u64, figure: impl Fn(&[usize]) -> f64 + Sync, n: usize) -> (f64, f64) {
    let resample = |number: u64| {
        let mut random = StdRng::seed_from_u64(seed ^ (number << 32));
        figure(&(0..n).map(|_| random.random_range(0..n)).collect::<Vec<_>>())
    };
    let mut figures: Vec<f64> = (0..N_RESAMPLES as u64).into_par_iter().map(resample).collect();
    figures.sort_unstable_by(f64::total_cmp);
    (figures[N_RESAMPLES / 40], figures[N_RESAMPLES - 1 - N_RESAMPLES / 40])
}
