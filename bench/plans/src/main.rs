//! Next baskets through the plan of the front page: does serving lose any of what its model ranks first, and what does
//! variety cost?
//!
//! `cargo run --release -p plans -- DATA/completejourney`; `docs/plans.md` has the figures. A model learns from
//! everything before a moment, in the training rows that the product has; each household that comes back within four
//! weeks is asked at its next basket, with the profile that its events before the moment fold to. Everything is chosen
//! on the four weeks before the last four; these are read once.

mod judge;
mod shop;

use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;
use domain::{Currency, time::DAY};
use judge::{Judged, Lists, NDCG_20, RECALL_10, RECALL_20, TYPES_20, VARIETY_20};
use serve::Plan;
use shop::{Part, Rows, Shop};

#[derive(Debug, Parser)]
#[command(about = "What the plan of the front page keeps of its model's next baskets, and what variety costs")]
struct Cli {
    /// The folder of dunnhumby's Complete Journey
    data: PathBuf,
    /// Reads the last four weeks too: once, when everything is chosen
    #[arg(long)]
    test: bool,
    /// Asks this recipe alone, as MODEL KEY=VALUE …
    #[arg(long, num_args = 1.., value_delimiter = ' ')]
    recipe: Vec<String>,
    #[arg(long, default_value_t = 7)]
    seed: u64,
}

/// The weeks that each part asks about.
const WEEKS: i64 = 28 * DAY;
/// The last is variety alone: the most that the candidates allow.
const DIVERSITIES: [f32; 7] = [0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0];
/// A default may cost less than this share of the recall and must bring this share of variety.
const LOSS_MAX: f64 = 0.03;
const GAIN_MIN: f64 = 0.2;

const COLUMNS: [(usize, &str); 5] = [
    (RECALL_10, "recall@10"),
    (RECALL_20, "recall@20"),
    (NDCG_20, "ndcg@20"),
    (VARIETY_20, "variety@20"),
    (TYPES_20, "product types of 20"),
];

/// What is tried on validation: the options are those of `docs/quality.md`.
const RECIPES: [&str; 11] = [
    "popular",
    "item-knn weighting=weights similarity=cooccurrence user_power=0 half_life_days=60 neighbours=100 support=0",
    "ials alpha=100 weighting=weights half_life_days=180 epochs=6 factors=256 regularization=1",
    "buy-again",
    "personal-top",
    "personal-top half_life_days=90",
    "tifu-knn",
    "tifu-knn half_life_days=30",
    "tifu-knn half_life_days=180",
    "hybrid repeats=with sources=tifu-knn,personal-top,trending",
    "hybrid repeats=with sources=tifu-knn,personal-top,buy-again,trending blend=learned",
];

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let shop = Shop::read(&cli.data)?;
    let validation = shop.part(shop.end + (-2 * WEEKS), shop.end + (-WEEKS))?;
    println!("{} products, {}", shop.products.len(), validation.describe());

    let recipe = match cli.recipe.is_empty() {
        true => choose_recipe(&validation, cli.seed)?,
        false => cli.recipe.join(" "),
    };
    let diversity = sweep("Validation", &shop, &validation, &recipe, &DIVERSITIES, cli.seed)?;
    println!("\nChosen: `{recipe}`, diversity {diversity}");
    if cli.test {
        let test = shop.part(shop.end + (-WEEKS), shop.end)?;
        println!("\n{}", test.describe());
        let diversities = [0.0, diversity];
        sweep("Test", &shop, &test, &recipe, &diversities[..if diversity > 0.0 { 2 } else { 1 }], cli.seed)?;
    }
    Ok(())
}

/// The recipe with the highest recall@20 of the next basket, asked with the history that serving gives it.
fn choose_recipe(part: &Part, seed: u64) -> anyhow::Result<String> {
    println!("\n| recipe | recall@10 | recall@20 | ndcg@20 |\n|---|---|---|---|");
    let mut best: Option<(f64, &str)> = None;
    for recipe in RECIPES {
        let model = part.fit(recipe, Rows::Training, seed)?;
        let judged = Judged::of(part, &part.lists(model.as_ref(), Rows::Served));
        let [ten, twenty, ndcg] = [RECALL_10, RECALL_20, NDCG_20].map(|column| judged.text(column, seed));
        println!("| `{recipe}` | {ten} | {twenty} | {ndcg} |");
        if best.is_none_or(|(recall, _)| judged.mean(RECALL_20) > recall) {
            best = Some((judged.mean(RECALL_20), recipe));
        }
    }
    Ok(best.context("no recipe to choose from")?.1.to_owned())
}

/// Prints what the model finds by each kind of history and what the plan makes of it at each diversity; answers the
/// largest of these that costs little and brings much, 0 if none does.
fn sweep(name: &str, shop: &Shop, part: &Part, recipe: &str, diversities: &[f32], seed: u64) -> anyhow::Result<f32> {
    println!("\n{name}:\n\n| | {} |\n|---|---|---|---|---|---|", COLUMNS.map(|(_, title)| title).join(" | "));
    let on_lines = part.fit(recipe, Rows::Lines, seed)?;
    let fitted = part.fit(recipe, Rows::Training, seed)?;
    let of_lines = part.lists(on_lines.as_ref(), Rows::Lines);
    let of_rows = part.lists(fitted.as_ref(), Rows::Training);
    let of_model = part.lists(fitted.as_ref(), Rows::Served);
    let snapshot = part.snapshot(shop, fitted);
    let show = |what: &str, lists: &Lists| {
        let judged = Judged::with_variety(part, lists, shop, &snapshot);
        println!("| {what} | {} |", COLUMNS.map(|(column, _)| judged.text(column, seed)).join(" | "));
        judged
    };
    show("model, trained on and asked with every purchase", &of_lines);
    show("model, whole history", &of_rows);
    let model = show("model, history as served", &of_model);

    let text = serve::Plans::built_in("home").context("there is a plan home")?;
    let home = Plan::parse("home", text, Currency::USD)?;
    let (mut plain, mut chosen) = (None, 0.0);
    for &diversity in diversities {
        let mut plan = home.clone();
        plan.rerank.diversity = diversity;
        let lists = part.slates(&snapshot, &plan);
        let judged = show(&format!("plan `home`, diversity {diversity}"), &lists);
        let base = plain.as_ref().unwrap_or(&model);
        let changes = COLUMNS.map(|(column, _)| judged.change(base, column, seed));
        println!("| … change | {} |", changes.each_ref().map(ToString::to_string).join(" | "));
        let keeps = [RECALL_10, RECALL_20].iter().all(|&column| changes[column].share > -LOSS_MAX);
        if keeps && changes[VARIETY_20].share >= GAIN_MIN && diversity > chosen {
            chosen = diversity;
        }
        if plain.is_none() {
            let n_same = lists.iter().zip(&of_model).filter(|(slate, list)| slate == list).count();
            eprintln!("{n_same} of {} slates are the model's own list", lists.len());
            plain = Some(judged);
        }
    }
    Ok(chosen)
}
