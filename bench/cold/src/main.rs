//! Cold products: a tenth of the catalogue is kept out of training entirely; who would have bought it?
//!
//! `bench/cold/run` makes its input of dunnhumby's Complete Journey; `docs/quality.md` has the protocol and the figures.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, ensure};
use clap::{Parser, ValueEnum};
use models::cold::{self, ColdMap};
use models::{FitContext, History, Interaction, Interactions, Neighbour, TrainingData, catalogue, rank};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};
use rayon::prelude::*;
use text::cache::{FileCache, encode_cached};
use text::words::Language;
use text::{Bert, Nearest, Precision, Sparse, TfIdf, TfIdfOptions, Unwatched, Vectors, centred};

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
    #[arg(long, default_value_t = 64)]
    neighbours: usize,
    /// Sets the map's contrast instead of learning it
    #[arg(long)]
    contrast: Option<f32>,
    /// The model among whose products the cold ones are placed
    #[arg(long, default_value = "ials")]
    model: String,
    /// Its options, KEY=VALUE
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
    let split = Split::new(&shop, cli.part)?;
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
    /// The first or the second tenth of the products, which stand in a drawn order: for validation the first is out of sight, too.
    fn new(shop: &Shop, part: Part) -> anyhow::Result<Self> {
        let n_items = shop.products.len();
        let tenth = n_items as u32 / 10;
        let cold = match part {
            Part::Test => 0..tenth,
            Part::Validation => tenth..2 * tenth,
        };
        let known = cold.end..n_items as u32;
        ensure!(cold.len() > K, "got {} cold products, wanted more than {K}", cold.len());
        let (mut cells, mut bought) = (Vec::new(), vec![Vec::new(); shop.n_users]);
        for &purchase in &shop.purchases {
            if known.contains(&purchase.item) {
                cells.push(purchase);
            } else if cold.contains(&purchase.item) {
                bought[purchase.user as usize].push(purchase.item - cold.start);
            }
        }
        for products in &mut bought {
            products.sort_unstable();
            products.dedup();
        }
        let train = Interactions::new(shop.n_users, n_items, &cells)?;
        let now = train.newest_timestamp();
        Ok(Self { train, known: known.collect(), cold: cold.collect(), bought, now })
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

/// Scores of the known products, and of the cold ones by their nearest.
fn learned_map(contents: &[Vectors], split: &Split, cli: &Cli) -> anyhow::Result<Scores> {
    let start = Instant::now();
    let pairs = cli.set.iter().map(|pair| models::options::key_value(pair)).collect::<Result<Vec<_>, _>>();
    let pairs = pairs.map_err(anyhow::Error::msg)?;
    let model = catalogue::fit(&cli.model, &pairs, &TrainingData::new(&split.train), &FitContext::quiet(cli.seed))?;
    println!("{}: {:.1} s", cli.model, start.elapsed().as_secs_f64());

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
    let learned = ColdMap::fit(&*model, &sample)?;
    println!(
        "map: {learned:?}, neighbours of {} {found:.1} s, fit {:.3} s",
        sample.len(),
        start.elapsed().as_secs_f64()
    );
    let map = ColdMap { contrast: cli.contrast.unwrap_or(learned.contrast), ..learned };

    let start = Instant::now();
    let weights: Vec<Option<Vec<(u32, f32)>>> =
        split.cold.par_iter().map(|&item| map.weights(&neighbours(item), model.n_items())).collect();
    println!(
        "one product: {:.1} ms on all cores; {} are like nothing",
        start.elapsed().as_secs_f64() * 1e3 / weights.len() as f64,
        weights.iter().filter(|weights| weights.is_none()).count()
    );
    let known: Vec<f32> = (0..model.n_items()).map(|item| item as f32).collect();
    let start = Instant::now();
    let sum: f32 = weights.iter().flatten().map(|weights| cold::score(weights, &known)).sum();
    let nanos = start.elapsed().as_secs_f64() * 1e9 / weights.len() as f64;
    println!("one product in one slate: {nanos:.0} ns on one core (sum {sum:.3e})");
    Ok(Scores::by_user(split, |user, scores| {
        let items = split.train.history(user);
        let mut known = vec![0.0; model.n_items()];
        model.score(&History { items: &items, now: split.now }, &mut known);
        for (score, weights) in scores.iter_mut().zip(&weights) {
            *score = weights.as_ref().map_or(f32::NEG_INFINITY, |weights| cold::score(weights, &known));
        }
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
