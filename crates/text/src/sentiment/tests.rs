use super::*;
use crate::words::Language;
use crate::{Embeddings, Sparse, TextEncoder, Unwatched, Watch};

/// How often a text says "bueno" and "malo", behind numbers that say nothing.
struct Counts(&'static str);

impl TextEncoder for Counts {
    fn id(&self) -> &str {
        self.0
    }

    fn width(&self) -> usize {
        3
    }

    fn encode(&self, texts: &[&str], _: &dyn Watch) -> crate::Result<Embeddings> {
        let count = |text: &str, word| text.matches(word).count() as f32;
        let row = |text: &&str| [count(text, "bueno"), count(text, "malo"), text.len() as f32];
        Ok(Embeddings { width: 3, values: texts.iter().flat_map(row).collect() })
    }
}

/// Good ones say "bueno" nine times out of ten, bad ones "malo".
fn labelled(n: usize) -> Labelled {
    let mut labelled = Labelled::default();
    for i in 0..n {
        let positive = i % 2 == 0;
        let word = if positive == (i % 20 < 18) { "bueno" } else { "malo" };
        labelled.push(format!("un producto {word} {}", "que llegó ayer ".repeat(i % 3)), positive);
    }
    labelled
}

fn fit(labelled: &Labelled, encoder: Option<&dyn TextEncoder>) -> Result<Head, HeadError> {
    Head::fit(labelled, encoder, Language::Spanish, &Unwatched)
}

#[test]
fn lines_are_those_of_scikit_learn() {
    // LogisticRegression(C, class_weight="balanced").decision_function on StandardScaler's output, and on the columns as they are.
    let x = [
        [1., 2., 0.],
        [2., 1., 1.],
        [3., 5., 0.],
        [4., 3., 2.],
        [0., 1., 5.],
        [5., 0., 1.],
        [2., 2., 2.],
        [1., 4., 4.],
    ];
    let positive = [false, false, true, true, false, true, false, false];
    let dense = Rows::Dense(Embeddings { width: 3, values: x.as_flattened().to_vec() });
    let sparse = x.map(|row| Sparse::new((0..3).map(|i| (i, row[i as usize])).filter(|(_, x)| *x != 0.0).collect()));
    let sparse = Rows::Sparse { width: 3, rows: sparse.to_vec() };
    let wanted = [
        (&dense, 0.1, [-0.198539, -0.129304, 0.315766, 0.268366, -0.777507, 0.380790, -0.150898, -0.379958]),
        (&dense, 10.0, [-3.22325, -2.34605, 2.94214, 2.68882, -8.01696, 2.96045, -2.04327, -3.44542]),
        (&sparse, 0.1, [-0.407965, -0.276499, 0.617780, 0.516916, -1.535868, 0.715502, -0.310059, -0.740974]),
        (&sparse, 10.0, [-4.083519, -3.019132, 3.706581, 3.314698, -10.220475, 3.626575, -2.642877, -4.411024]),
    ];
    for (rows, c, values) in wanted {
        let got = separating_line(rows, &positive, c).values(rows);
        assert!(got.iter().zip(values).all(|(got, wanted)| (got - wanted).abs() < 1e-4), "C {c}: {got:?}");
    }
}

#[test]
fn a_head_tells_good_from_bad_and_knows_how_surely() {
    let head = fit(&labelled(2000), Some(&Counts("counts"))).unwrap();
    let measures = head.measures();
    assert!((measures.accuracy - 0.9).abs() < 0.02, "{measures:?}");
    assert!(measures.ece < 0.03 && measures.brier < 0.11, "nine of ten are right, and it says so: {measures:?}");
    let texts = ["muy bueno", "muy malo", "😍", "", "<p></p>"];
    let judged = head.probabilities(&texts, Some(&Counts("counts")), &Unwatched).unwrap();
    assert!((judged[0].unwrap() - 0.9).abs() < 0.05 && (judged[1].unwrap() - 0.1).abs() < 0.05, "{judged:?}");
    assert_eq!(&judged[2..], [None; 3], "what can't be read has no score");

    let kept: Head = serde_json::from_str(&serde_json::to_string(&head).unwrap()).unwrap();
    kept.check().unwrap();
    assert_eq!(kept.probabilities(&texts, Some(&Counts("counts")), &Unwatched).unwrap(), judged);
}

#[test]
fn a_head_reads_only_what_it_was_fitted_on() {
    let head = fit(&labelled(400), Some(&Counts("counts"))).unwrap();
    let refused = |encoder| head.probabilities(&["bueno"], encoder, &Unwatched).unwrap_err().to_string();
    let other = refused(Some(&Counts("other")));
    assert!(other.contains("`counts`") && other.contains("`other`"), "{other}");
    assert!(refused(None).contains("no text model is installed"));
    let mut damaged = serde_json::to_value(&head).unwrap();
    damaged["line"]["weights"] = serde_json::json!([1.0]);
    let damaged: Head = serde_json::from_value(damaged).unwrap();
    assert!(damaged.check().unwrap_err().to_string().contains("got 1 weights, wanted 3"));
}

#[test]
fn too_few_or_meaningless_reviews_make_no_head() {
    let few = fit(&labelled(29), Some(&Counts("counts"))).unwrap_err();
    assert!(matches!(few, HeadError::TooFew { positive: 15, negative: 14 }), "{few}");
    let mut emoji = labelled(40);
    emoji.texts.iter_mut().for_each(|text| *text = "😍".to_owned());
    assert!(matches!(
        fit(&emoji, Some(&Counts("counts"))).unwrap_err(),
        HeadError::TooFew { positive: 0, negative: 0 }
    ));
    let mut noise = labelled(400);
    noise.positive = folds(400, 2, 7).into_iter().map(|side| side == 0).collect();
    let noise = fit(&noise, Some(&Counts("counts"))).unwrap_err();
    assert!(matches!(noise, HeadError::NoBetterThanGuessing(_)), "{noise}");
}

#[test]
fn without_a_model_words_are_read() {
    let head = fit(&labelled(400), None).unwrap();
    assert_eq!(head.reading().id(), "tf-idf");
    let judged = head.probabilities(&["es bueno", "es malo", "最高"], None, &Unwatched).unwrap();
    assert!(judged[0] > Some(0.8) && judged[1] < Some(0.2) && judged[2].is_none(), "{judged:?}");
    let kept = serde_json::to_value(&head).unwrap();
    let damaged = |pointer: &str, value: serde_json::Value| {
        let mut damaged = kept.clone();
        *damaged.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer} in {kept}")) = value;
        serde_json::from_value::<Head>(damaged).unwrap().check().is_err()
    };
    assert!(serde_json::from_value::<Head>(kept.clone()).unwrap().check().is_ok());
    assert!(
        damaged("/reading/tf_idf/words/terms/mal", serde_json::json!([1_000_000, 1.0])),
        "a number beyond the weights"
    );
    assert!(damaged("/reading/tf_idf/options/word_grams/end", serde_json::json!(u64::MAX)), "a loop without end");
    let shouted = head.probabilities(&[&"bueno 😍 <b>".repeat(1 << 17)], None, &Unwatched).unwrap();
    assert!(shouted[0] > Some(0.5), "{shouted:?}");
}

#[test]
fn stars_between_say_nothing() {
    let labels = [0.0, 1.0, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, f32::NAN].map(label_of);
    let (bad, good) = (Some(false), Some(true));
    assert_eq!(labels, [bad, bad, bad, None, None, None, good, good, None]);
}
