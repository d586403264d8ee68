//! The encoder against Python's: `fixtures/README.md` says how the references were made.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use safetensors::SafeTensors;
use text::{Bert, Embeddings, Error, Precision, TextEncoder, Unwatched, Watch};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn texts() -> Vec<String> {
    serde_json::from_slice(&fs::read(fixtures().join("texts.json")).unwrap()).unwrap()
}

fn tiny(precision: Precision) -> Bert {
    Bert::open(&fixtures().join("tiny"), precision).unwrap()
}

/// The lowest cosine between what `encoder` makes of all texts and the reference in `file`.
fn lowest_agreement(encoder: &Bert, file: &Path) -> f32 {
    let bytes = fs::read(file).unwrap();
    let reference = SafeTensors::deserialize(&bytes).unwrap();
    let reference = reference.tensor("embeddings").unwrap();
    let texts = texts();
    assert_eq!(reference.shape(), [texts.len(), encoder.width()]);
    let values = reference.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let reference = Embeddings { width: encoder.width(), values };
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let embeddings = encoder.encode(&texts, &Unwatched).unwrap();
    let cosines = embeddings.rows().zip(reference.rows()).map(|(x, y)| x.iter().zip(y).map(|(x, y)| x * y).sum());
    cosines.fold(1.0, f32::min)
}

#[test]
fn a_small_random_bert_agrees_with_transformers() {
    let reference = fixtures().join("tiny/reference.safetensors");
    let float32 = lowest_agreement(&tiny(Precision::Float32), &reference);
    assert!(float32 > 0.99999, "float32: {float32}");
    let int8 = lowest_agreement(&tiny(Precision::Int8), &reference);
    assert!(int8 > 0.99, "int8: {int8}");
}

/// Needs the model: `scripts/text-model` puts it where this looks.
#[test]
fn multilingual_e5_agrees_with_transformers() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/text-model");
    let folder = std::env::var_os("VITRINA_TEXT_MODEL").map_or(folder, PathBuf::from);
    let reference = fixtures().join("reference.safetensors");
    for (precision, wanted) in [(Precision::Float32, 0.9999), (Precision::Int8, 0.99)] {
        let encoder = Bert::open(&folder, precision).expect("run scripts/text-model, which fetches the model");
        let lowest = lowest_agreement(&encoder, &reference);
        println!("{}: lowest cosine {lowest}", encoder.id());
        assert!(lowest > wanted, "{precision:?}: lowest cosine {lowest}, wanted {wanted}");
    }
}

#[test]
fn an_embedding_does_not_depend_on_its_neighbours() {
    let encoder = tiny(Precision::Float32);
    let texts = texts();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let together = encoder.encode(&texts, &Unwatched).unwrap();
    for (text, row) in texts.iter().zip(together.rows()).step_by(7) {
        let alone = encoder.encode_one(text).unwrap();
        assert!(alone.iter().zip(row).all(|(x, y)| (x - y).abs() < 1e-5), "{text}");
    }
    assert!(encoder.encode(&[], &Unwatched).unwrap().values.is_empty());
    let long = encoder.encode_one(&"camión ".repeat(200_000)).unwrap();
    assert!((long.iter().map(|x| x * x).sum::<f32>() - 1.0).abs() < 1e-5);
}

#[test]
fn an_encoding_tells_how_far_it_is_and_stops_when_told() {
    struct StopAfter(usize, AtomicUsize);
    impl Watch for StopAfter {
        fn progress(&self, done: usize, of: usize) {
            assert!(done <= of);
            self.1.fetch_max(done, Ordering::Relaxed);
        }
        fn cancelled(&self) -> bool {
            self.1.load(Ordering::Relaxed) >= self.0
        }
    }
    let encoder = tiny(Precision::Int8);
    let texts = vec!["una refrigeradora de dos puertas"; 5000];
    let to_the_end = StopAfter(usize::MAX, AtomicUsize::new(0));
    encoder.encode(&texts, &to_the_end).unwrap();
    assert_eq!(to_the_end.1.into_inner(), texts.len());
    let stopped = StopAfter(100, AtomicUsize::new(0));
    assert!(matches!(encoder.encode(&texts, &stopped), Err(Error::Cancelled)));
    assert!(stopped.1.into_inner() < texts.len());
}

#[test]
fn a_damaged_folder_is_refused_with_the_file_named() {
    let opened = |change: &dyn Fn(&Path)| {
        let folder = tempfile::tempdir().unwrap();
        for file in ["config.json", "tokenizer.json", "model.safetensors", "model.json"] {
            fs::copy(fixtures().join("tiny").join(file), folder.path().join(file)).unwrap();
        }
        change(folder.path());
        Bert::open(folder.path(), Precision::Float32).err().map(|error| error.to_string())
    };
    assert_eq!(opened(&|_| {}), None);
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        let flipped = opened(&|folder| {
            let mut bytes = fs::read(folder.join(file)).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(folder.join(file), bytes).unwrap();
        });
        assert!(flipped.as_ref().is_some_and(|e| e.contains(file) && e.contains("SHA-256")), "{flipped:?}");
        let missing = opened(&|folder| fs::remove_file(folder.join(file)).unwrap());
        assert!(missing.as_ref().is_some_and(|e| e.contains(file) && e.contains("missing")), "{missing:?}");
    }
    let none = opened(&|folder| fs::remove_file(folder.join("model.json")).unwrap());
    assert!(none.is_some_and(|e| e.contains("TF-IDF")));

    // A folder whose checksums are right, but whose parts do not belong together.
    let config = fs::read_to_string(fixtures().join("tiny/config.json")).unwrap();
    for (from, to, wanted) in [
        ("\"hidden_size\": 32", "\"hidden_size\": 48", "got shape"),
        ("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3", "no tensor"),
        ("\"model_type\": \"bert\"", "\"model_type\": \"gpt2\"", "wanted `bert`"),
    ] {
        assert!(config.contains(from), "{from}");
        let problem = opened(&|folder| {
            fs::write(folder.join("config.json"), config.replace(from, to)).unwrap();
            sign(folder);
        });
        assert!(problem.as_ref().is_some_and(|e| e.contains(wanted)), "{to}: {problem:?}");
    }
    let cut = opened(&|folder| {
        let bytes = fs::read(folder.join("model.safetensors")).unwrap();
        fs::write(folder.join("model.safetensors"), &bytes[..bytes.len() - 100]).unwrap();
        sign(folder);
    });
    assert!(cut.as_ref().is_some_and(|e| e.contains("model.safetensors")), "{cut:?}");
}

/// Writes the checksums of what is there.
fn sign(folder: &Path) {
    use sha2::{Digest, Sha256};
    let sum = |file: &str| {
        let digest = Sha256::digest(fs::read(folder.join(file)).unwrap());
        digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let mut manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.join("model.json")).unwrap()).unwrap();
    let files = ["config.json", "tokenizer.json", "model.safetensors"];
    manifest["files"] = serde_json::json!(files.map(|file| (file, sum(file))).into_iter().collect::<BTreeMap<_, _>>());
    fs::write(folder.join("model.json"), manifest.to_string()).unwrap();
}
