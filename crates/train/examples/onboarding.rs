//! `cargo run --release -p train --example onboarding -- FOLDER validation|test [GROUPS]`
//!
//! What a few questions to a newcomer are worth. FOLDER is what `bench/onboarding/prepare.py` writes.
//!
//! People are dealt 60 : 20 : 20 into known people, validation and test. Whoever is judged has bought at least
//! [`PRODUCTS_MIN`] products; the first half of them, by time, is what they like and answer by, the second half is what is to
//! be found. The whole first half is left out of every list, so that no strategy gains by what it happens to strike off. A
//! simulated newcomer says "like" about a product of the first half or a category of one, and "unknown" about all else.

use std::{collections::BTreeMap, error::Error, path::Path};

use models::{
    FitContext, History, HistoryItem, Interactions, Model, TrainingData, catalogue,
    onboarding::{Answer, Interview, Population, Topic},
    rank,
};
use rayon::prelude::*;
use train::{
    dataset::{Dataset, ReadOptions},
    metrics,
};

const PRODUCTS_MIN: usize = 10;
const K: usize = 20;
const LENGTHS: [usize; 4] = [0, 3, 5, 10];
/// Products that may be asked about: what most people have.
const RECOGNISED: usize = 200;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [folder, part, rest @ ..] = args.as_slice() else {
        return Err("wanted FOLDER validation|test [GROUPS]".into());
    };
    let groups = rest.first().map_or(Ok(Population::GROUPS), |text| text.parse())?;
    let shop = Shop::read(Path::new(folder), part == "test", groups)?;
    println!(
        "{} people known, {} judged; {} products, {} topics, {} groups",
        shop.known.n_users(),
        shop.judged.len(),
        shop.known.n_items(),
        shop.topics.len(),
        shop.population.groups().len()
    );
    let mut baseline: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for strategy in Strategy::ALL {
        let results: Vec<Vec<Vec<f64>>> = shop.judged.par_iter().map(|person| shop.judge(person, strategy)).collect();
        for (at, n) in LENGTHS.into_iter().enumerate() {
            let cases: Vec<Vec<f64>> = results.iter().map(|lengths| lengths[at].clone()).collect();
            let (means, intervals) = (metrics::means(&cases), metrics::bootstrap_ci95(&cases, 1000, 1));
            print!("{:<12} {n:>2} questions, {:.2} liked;", strategy.name(), means[0]);
            for (name, column) in RECOMMENDERS.iter().zip((1..).step_by(2)) {
                let (recall, ndcg) = (intervals[column], intervals[column + 1]);
                print!(
                    "  {name}: recall {:.4} [{:.4}, {:.4}] ndcg {:.4} [{:.4}, {:.4}]",
                    means[column],
                    recall.0,
                    recall.1,
                    means[column + 1],
                    ndcg.0,
                    ndcg.1
                );
                let ndcgs: Vec<f64> = cases.iter().map(|case| case[column + 1]).collect();
                let key = format!("{name} {n}");
                match baseline.get(&key) {
                    Some(first) => {
                        let paired = metrics::paired(first, &ndcgs, 1000, 1);
                        print!(" ({:+.4} [{:+.4}, {:+.4}])", paired.difference, paired.ci95[0], paired.ci95[1]);
                    }
                    None => drop(baseline.insert(key, ndcgs)),
                }
            }
            println!();
        }
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq)]
enum Strategy {
    /// A fixed list: the products that most people have. The others' differences are to it.
    Popular,
    Random,
    /// A fixed list: the topics that people are most divided about.
    Entropy,
    /// One after the other, each after the answer to the one before.
    Information,
    /// The same, about products alone.
    Products,
    /// All on one page, picked together.
    OnePage,
}

impl Strategy {
    const ALL: [Self; 6] =
        [Self::Popular, Self::Random, Self::Entropy, Self::Products, Self::Information, Self::OnePage];

    fn name(self) -> &'static str {
        match self {
            Self::Popular => "popular",
            Self::Random => "random",
            Self::Entropy => "entropy",
            Self::Information => "information",
            Self::Products => "products",
            Self::OnePage => "one page",
        }
    }
}

/// What ranks after the answers: the fold-in of the liked products, the groups' shares, both.
const RECOMMENDERS: [&str; 4] = ["item-knn", "ials", "groups", "both"];

struct Person {
    number: usize,
    likes: Vec<u32>,
    wanted: Vec<u32>,
}

enum About {
    Product(u32),
    Category(Vec<u32>),
}

struct Shop {
    known: Interactions,
    judged: Vec<Person>,
    population: Population,
    topics: Vec<Topic>,
    about: Vec<About>,
    models: Vec<Box<dyn Model>>,
    popular: Vec<f32>,
}

impl Shop {
    fn read(folder: &Path, is_test: bool, groups: usize) -> Result<Self, Box<dyn Error>> {
        let dataset = Dataset::read("events", &folder.join("events.csv"), &ReadOptions::default())?;
        let mut rows: Vec<Vec<HistoryItem>> = vec![Vec::new(); dataset.n_users];
        for record in &dataset.records {
            let item = HistoryItem { item: record.item, weight: 1.0, timestamp: record.timestamp };
            rows[record.user as usize].push(item);
        }
        rows.iter_mut().for_each(|row| row.sort_by_key(|event| event.timestamp));
        let is_known = |user: usize| part_of(user) < 6;
        let is_judged = |user: usize| part_of(user) >= 6 && (part_of(user) >= 8) == is_test;
        let judged = (0..rows.len())
            .filter(|user| is_judged(*user) && rows[*user].len() >= PRODUCTS_MIN)
            .map(|number| {
                let items: Vec<u32> = rows[number].iter().map(|event| event.item).collect();
                let (likes, wanted) = items.split_at(items.len() / 2);
                Person { number, likes: likes.to_vec(), wanted: wanted.to_vec() }
            })
            .collect();
        let known = rows.into_iter().enumerate().filter(|(user, _)| is_known(*user)).map(|(_, row)| row);
        let known = Interactions::from_rows(dataset.n_items, known)?;

        let population = Population::fit(&known, groups, 1).ok_or("too few people")?;
        let categories = categories(&folder.join("categories.csv"), &dataset)?;
        let (topics, about) = topics(&population, &categories);
        let context = FitContext::quiet(1);
        let fit = |name: &str| catalogue::fit::<&str, &str>(name, &[], &TrainingData::new(&known), &context);
        let models = vec![fit("item-knn")?, fit("ials")?];
        let mut popular = vec![0.0; known.n_items()];
        known.cells().for_each(|cell| popular[cell.item as usize] += 1.0);
        Ok(Self { known, judged, population, topics, about, models, popular })
    }

    /// For each length: how many topics were liked, then recall and NDCG of each recommender.
    fn judge(&self, person: &Person, strategy: Strategy) -> Vec<Vec<f64>> {
        LENGTHS.iter().map(|&n| self.judge_after(person, strategy, n)).collect()
    }

    fn judge_after(&self, person: &Person, strategy: Strategy, n: usize) -> Vec<f64> {
        let mut interview = Interview::begin(&self.population);
        let mut liked = Vec::new();
        let mut n_liked = 0.0;
        let mut open: Vec<usize> = (0..self.topics.len()).collect();
        let page: Vec<usize> = match strategy {
            Strategy::Popular => {
                open.iter().copied().filter(|t| matches!(self.about[*t], About::Product(_))).take(n).collect()
            }
            Strategy::Random => shuffled(open.clone(), person.number as u64).into_iter().take(n).collect(),
            Strategy::Entropy => self.divided().into_iter().take(n).collect(),
            Strategy::OnePage => interview.ask(&self.topics, &open, n).iter().map(|asked| asked.topic).collect(),
            Strategy::Information => Vec::new(),
            Strategy::Products => {
                open.retain(|t| matches!(self.about[*t], About::Product(_)));
                Vec::new()
            }
        };
        let mut page = page.into_iter();
        for _ in 0..n {
            let topic = page.next().unwrap_or_else(|| interview.ask(&self.topics, &open, 1)[0].topic);
            open.retain(|other| *other != topic);
            let answer = self.answer(person, topic);
            interview.hear(&self.topics[topic], answer);
            if answer == Answer::Like {
                n_liked += 1.0;
                liked.extend(match &self.about[topic] {
                    About::Product(item) => Some(*item),
                    About::Category(_) => None,
                });
            }
        }
        let mut values = vec![n_liked];
        for recommender in RECOMMENDERS {
            let mut scores = self.scores(recommender, &interview, &liked);
            person.likes.iter().for_each(|item| scores[*item as usize] = f32::NEG_INFINITY);
            let hits: Vec<bool> =
                rank::top_k(&scores, K).iter().map(|(item, _)| person.wanted.contains(item)).collect();
            let [recall, ndcg, ..] = metrics::at_k(&hits, K, person.wanted.len());
            values.extend([recall, ndcg]);
        }
        values
    }

    fn answer(&self, person: &Person, topic: usize) -> Answer {
        let likes = match &self.about[topic] {
            About::Product(item) => person.likes.contains(item),
            About::Category(items) => person.likes.iter().any(|item| items.binary_search(item).is_ok()),
        };
        if likes { Answer::Like } else { Answer::Unknown }
    }

    fn scores(&self, recommender: &str, interview: &Interview, liked: &[u32]) -> Vec<f32> {
        let mut groups = vec![0.0; self.popular.len()];
        self.population.expect(interview.belief(), &mut groups);
        let fold_in = |model: &dyn Model| {
            if liked.is_empty() {
                return self.popular.clone();
            }
            let items: Vec<HistoryItem> =
                liked.iter().map(|&item| HistoryItem { item, weight: 1.0, timestamp: 0 }).collect();
            let mut scores = vec![0.0; self.popular.len()];
            model.score(&History { items: &items, now: 0 }, &mut scores);
            scores
        };
        match recommender {
            "item-knn" => fold_in(self.models[0].as_ref()),
            "ials" => fold_in(self.models[1].as_ref()),
            "groups" => groups,
            _ if liked.is_empty() => groups,
            _ => {
                let personal = fold_in(self.models[0].as_ref());
                let most = |scores: &[f32]| scores.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
                let (a, b) = (most(&personal), most(&groups));
                personal.iter().zip(&groups).map(|(x, y)| x / a + y / b).collect()
            }
        }
    }

    /// Topics in order of how near the share that likes them is to a half.
    fn divided(&self) -> Vec<usize> {
        let belief: Vec<f64> = self.population.groups().iter().map(|share| f64::from(*share)).collect();
        let mut open: Vec<usize> = (0..self.topics.len()).collect();
        let doubt = |topic: &usize| (self.topics[*topic].liking(&belief) - 0.5).abs();
        open.sort_by(|a, b| doubt(a).total_cmp(&doubt(b)));
        open
    }
}

fn part_of(user: usize) -> u64 {
    mix(user as u64) % 10
}

fn mix(state: u64) -> u64 {
    let z = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn shuffled(mut topics: Vec<usize>, seed: u64) -> Vec<usize> {
    topics.sort_by_key(|topic| mix(seed << 32 | *topic as u64));
    topics
}

/// The items of each category, sorted.
fn categories(path: &Path, dataset: &Dataset) -> Result<BTreeMap<String, Vec<u32>>, Box<dyn Error>> {
    let numbers: BTreeMap<&str, u32> = dataset.item_ids.iter().map(String::as_str).zip(0..).collect();
    let mut categories: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for line in std::fs::read_to_string(path)?.lines().skip(1) {
        let (id, category) = line.split_once(',').ok_or("wanted item_id,category")?;
        if let Some(item) = numbers.get(id) {
            categories.entry(category.trim_matches('"').to_owned()).or_default().push(*item);
        }
    }
    categories.values_mut().for_each(|items| items.sort_unstable());
    Ok(categories)
}

fn topics(population: &Population, categories: &BTreeMap<String, Vec<u32>>) -> (Vec<Topic>, Vec<About>) {
    let products = population.items().take(RECOGNISED);
    let (mut topics, mut about): (Vec<Topic>, Vec<About>) =
        products.map(|(item, shares)| (Topic::product(shares), About::Product(item))).unzip();
    let shares: BTreeMap<u32, &[f32]> = population.items().collect();
    for items in categories.values() {
        if let Some(topic) = Topic::category(items.iter().filter_map(|item| shares.get(item).copied())) {
            topics.push(topic);
            about.push(About::Category(items.clone()));
        }
    }
    (topics, about)
}
