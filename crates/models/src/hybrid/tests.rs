use super::*;
use crate::validation::Asked;
use crate::{Features, HistoryItem, Interaction, Interactions, catalogue};

const DAY: i64 = 86_400;

/// 60 users, 40 products and one that nobody touches, 900 events with repeats.
fn shop() -> Vec<Interaction> {
    let cell = |x: u64| {
        let draw = x.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23).wrapping_mul(0xD6E8_FEB8_6659_FD93);
        let user = (draw >> 8) % 60;
        let item = if draw % 10 < 8 { ((draw >> 24) % 20) * 2 + user % 2 } else { (draw >> 24) % 40 };
        let weight = [1.0, 3.0, 5.0][(draw >> 40) as usize % 3];
        Interaction { user: user as u32, item: item as u32, weight, timestamp: 1_700_000_000 + (x as i64) * DAY / 10 }
    };
    (0..900).map(cell).collect()
}

fn learned(pairs: &[(&str, &str)]) -> Options {
    let own = [("blend", "learned"), ("ials.factors", "8"), ("repeats", "with")];
    catalogue::find(NAME).unwrap().options(&[&own, pairs].concat()).unwrap()
}

/// A list that the trees would learn from, as they would see it.
#[derive(Debug, PartialEq)]
struct Seen {
    history: Vec<HistoryItem>,
    now: i64,
    candidates: Vec<u32>,
    features: Vec<f32>,
}

fn seen(log: &[Interaction], cut: impl Fn(&TrainingData<'_>, &Options) -> HeldOut) -> Vec<Seen> {
    let log = Interactions::new(60, 41, log).unwrap();
    let colours = Features::new(5, (0..41).map(|item| [item % 5])).unwrap();
    let data = TrainingData { item_features: Some(&colours), ..TrainingData::new(&log) };
    let (options, context) = (learned(&[]), FitContext::quiet(1));
    let held_out = cut(&data, &options);
    let trial = fit_trial(&held_out, &data, &options, &context).unwrap();
    let (judged, features) = learned::point_in_time(&trial, &held_out, &data, 10);
    let seen = |((asked, judged), features): ((Asked, Judged), _)| Seen {
        history: asked.history,
        now: asked.now,
        candidates: judged.shortlist.candidates,
        features,
    };
    held_out.users.into_iter().zip(judged).zip(features).map(seen).collect()
}

#[test]
fn no_feature_sees_the_future() {
    let log = shop();
    let moment = moment_at(&Interactions::new(60, 41, &log).unwrap(), 0.9).unwrap();
    let as_fitted =
        |data: &TrainingData<'_>, options: &Options| hold_out(data, options, &FitContext::quiet(1)).unwrap();
    let lists = seen(&log, as_fitted);
    assert!(lists.len() > 30, "most users come back in the last tenth: {}", lists.len());
    for (number, list) in lists.iter().enumerate().step_by(6) {
        let (before, mut later): (Vec<Interaction>, Vec<Interaction>) =
            log.iter().partition(|cell| cell.timestamp < list.now);
        later.iter_mut().for_each(|cell| (cell.item, cell.weight) = (40, 7.0 * cell.weight));
        let altered = [before.clone(), later].concat();
        assert_eq!(seen(&altered, as_fitted)[number], *list, "what came at that time or later was something else");

        // All is deleted but that there was an event at that time.
        let event = Interaction { user: 59, item: 40, weight: 1.0, timestamp: list.now };
        let user = (0..60).find(|&user| Interactions::new(60, 41, &before).unwrap().history(user) == list.history);
        let event = Interaction { user: user.expect("somebody has it") as u32, ..event };
        let cut = |data: &TrainingData<'_>, _: &Options| {
            // Who is asked when is drawn by lot: a lot that asks at that event.
            let lots =
                (0..200).filter_map(|lot| HeldOut::from_moment(data.interactions, moment, 2000, lot, true).unwrap());
            let asks = |asked: &Asked| asked.now == list.now && asked.history == list.history;
            lots.into_iter().find(|held_out| held_out.users.iter().any(asks)).expect("one of 200 lots")
        };
        let gone = seen(&[before, vec![event]].concat(), cut);
        assert!(gone.contains(list), "what came at that time or later is gone");
    }
}

/// Every day a product appears, and whoever comes buys two of the last five days', and one that has been there for ever.
fn fashion() -> Interactions {
    let mut cells = Vec::new();
    for x in 0..3000u32 {
        let (day, user) = (10 + x / 30, (x * 37) % 300);
        let old = (x.wrapping_mul(2_654_435_761) >> 16) % 10;
        for item in [10 + day - x % 5, 10 + day - (x + 2) % 5, old] {
            cells.push(Interaction { user, item, weight: 1.0, timestamp: i64::from(day) * DAY + i64::from(x % 30) });
        }
    }
    Interactions::new(300, 125, &cells).unwrap()
}

#[test]
fn trees_learn_what_no_source_knows() {
    let log = fashion();
    let ndcg_of = |pairs: &[(&str, &str)]| {
        let options = [&[("sources", "popular,item-knn"), ("validation", "0.05")], pairs].concat();
        let held_out = HeldOut::from_moment(&log, 105 * DAY, 500, 1, false).unwrap().unwrap();
        let data = TrainingData::new(&held_out.train);
        let model = catalogue::fit(NAME, &options, &data, &FitContext::quiet(1)).unwrap();
        (held_out.ndcg(model.as_ref(), 10), model.importance())
    };
    let (weighted, nothing) = ndcg_of(&[]);
    let (learned, importance) = ndcg_of(&[("blend", "learned")]);
    assert!(learned > 1.5 * weighted, "weighted {weighted:.3}, learned {learned:.3}");
    assert!(nothing.is_empty() && importance[0].feature.starts_with("product"), "{importance:?}");
    assert!((importance.iter().map(|i| i.gain).sum::<f32>() - 1.0).abs() < 1e-3);
}

#[test]
fn below_the_shortlist_the_blend_decides() {
    let log = Interactions::new(60, 41, &shop()).unwrap();
    let data = TrainingData::new(&log);
    let model = fit(&data, &learned(&[("shortlist", "5")]), &FitContext::quiet(1)).unwrap();
    let Blend::Learned(trees) = &model.blend else { panic!("wanted trees") };
    let items = log.history(3);
    let history = History { items: &items, now: log.newest_timestamp() };
    let (mut scores, mut blend) = (vec![0.0; 41], vec![0.0; 41]);
    model.score(&history, &mut scores);
    weighted::score(&model.sources, &trees.weights, &history, &mut blend);
    let candidates = trees.ranked(&model.sources, &history).shortlist.candidates;
    let (inside, outside): (Vec<u32>, Vec<u32>) = (0..41).partition(|item| candidates.binary_search(item).is_ok());
    let of = |items: &[u32], scores: &[f32]| items.iter().map(|&item| scores[item as usize]).collect::<Vec<f32>>();
    assert!(!inside.is_empty() && !outside.is_empty());
    assert_eq!(of(&outside, &scores), of(&outside, &blend));
    let lowest = of(&inside, &scores).into_iter().fold(f32::INFINITY, f32::min);
    assert!(of(&outside, &scores).iter().all(|&score| score <= lowest));
}

#[test]
fn of_personal_sources_alone_nobody_gets_nothing() {
    let log = Interactions::new(60, 41, &shop()).unwrap();
    for blend in ["weighted", "switching", "learned"] {
        let options = learned(&[("sources", "item-knn,ials"), ("blend", blend)]);
        let model = fit(&TrainingData::new(&log), &options, &FitContext::quiet(1)).unwrap();
        let mut scores = vec![f32::NAN; 41];
        model.score(&History { items: &[], now: log.newest_timestamp() }, &mut scores);
        assert!(scores.iter().all(|score| *score == f32::NEG_INFINITY), "{blend}: {scores:?}");
    }
}
