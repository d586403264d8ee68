//! What nobody should send and somebody will: every text has vectors or none, every broken folder an error that names the file.

use std::fs;
use std::path::Path;

use text::words::{self, Language};
use text::{Bert, Embeddings, Error, Nearest, Precision, Space, TextEncoder, TfIdf, TfIdfOptions, Unwatched};

fn tiny() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tiny")
}

fn bad_texts() -> Vec<(&'static str, String)> {
    vec![
        ("empty", String::new()),
        ("blank", " \t\r\n\u{a0}\u{200b}".to_owned()),
        ("emoji", "🎁🎉👨‍👩‍👧‍👦🇵🇪".to_owned()),
        ("1 MB of words", "refrigeradora de dos puertas ".repeat(1 << 15)),
        ("1 MB in one word", "x".repeat(1 << 20)),
        ("1 MB of four-byte characters", "🎁".repeat(1 << 18)),
        ("HTML", "<p class=\"x\">Mesa <b>redonda</b><script>alert('<')</script></p>".to_owned()),
        ("an open tag", "<p class=\"mesa redonda".to_owned()),
        ("a 1 MB open tag", format!("<{}", "a ".repeat(1 << 19))),
        ("mixed scripts", "Mesa стол テーブル طاولة 桌子 τραπέζι שולחן".to_owned()),
        ("control characters", "me\0sa\u{1}\u{7f} re\u{202e}donda\u{feff}".to_owned()),
        ("accents without letters", "\u{301}\u{301}\u{301}".to_owned()),
        ("numbers without end", "1,5,,.. 9".repeat(1000)),
        // What a caller at the edge makes of bytes that are no UTF-8: our functions take `&str`, so nothing else comes in.
        ("broken UTF-8", String::from_utf8_lossy(b"Refrigeradora dos puertas \xff\xfe\xc3").into_owned()),
    ]
}

#[test]
fn any_text_has_terms_keywords_and_vectors_of_length_one_or_none() {
    let texts = bad_texts();
    let titles: Vec<&str> = texts.iter().map(|(_, text)| text.as_str()).chain(["mesa redonda", "mesa"]).collect();
    let bert = Bert::open(&tiny(), Precision::Int8).unwrap();
    let embeddings = bert.encode(&titles, &Unwatched).unwrap();
    let (space, tfidf) = (Space::fit(&titles, &embeddings), TfIdf::fit(&titles, TfIdfOptions::default()));
    let mut nearest = Nearest::new(bert.width(), Space::EMBEDDING_WEIGHT);
    for ((name, text), row) in texts.iter().zip(embeddings.rows()) {
        assert!(words::terms(text, Language::Spanish).len() <= words::LONGEST_TEXT, "{name}");
        assert!(words::plain(text).len() <= 2 * words::LONGEST_TEXT, "{name}");
        assert!(tfidf.keywords(text, 5).len() <= 5, "{name}");
        let vectors = space.vectors(text, row);
        let length = vectors.embedding.iter().map(|x| x * x).sum::<f32>().sqrt();
        assert!((length - 1.0).abs() < 1e-3, "{name}: an embedding of length {length}");
        let length = vectors.words.norm();
        assert!(length == 0.0 || (length - 1.0).abs() < 1e-3, "{name}: words of length {length}");
        nearest.insert(*name, vectors);
    }
    for (name, text) in &texts {
        let found = nearest.neighbours(&space.vectors(text, &bert.encode_one(text).unwrap()), 3, |_| true);
        assert_eq!(found.len(), 3, "{name}");
        assert!(found.iter().all(|found| found.similarity.is_finite()), "{name}: {found:?}");
        let by_words = nearest.neighbours(&space.vectors(text, &[]), 3, |_| true);
        assert!(by_words.iter().all(|found| found.similarity.is_finite()), "{name}: {by_words:?}");
    }
}

#[test]
fn nothing_at_all_is_a_space_too() {
    let space = Space::fit(&[""; 0], &Embeddings::default());
    assert_eq!(space.vectors("mesa", &[]), Default::default());
    assert!(Nearest::<u32>::new(0, 0.5).neighbours(&space.vectors("mesa", &[]), 3, |_| true).is_empty());
}

/// `tests/encoder.rs` has damaged files with wrong checksums; these are files that a wrong tool wrote and signed.
#[test]
fn a_folder_that_is_no_model_is_refused_with_the_file_named() {
    let refused = |file: &str, bytes: &[u8]| {
        let folder = tempfile::tempdir().unwrap();
        for name in ["config.json", "tokenizer.json", "model.safetensors", "model.json"] {
            fs::copy(tiny().join(name), folder.path().join(name)).unwrap();
        }
        fs::write(folder.path().join(file), bytes).unwrap();
        if file != "model.json" {
            sign(folder.path(), file);
        }
        match Bert::open(folder.path(), Precision::Int8).err() {
            Some(error @ (Error::Model { .. } | Error::Io { .. })) => {
                let said = error.to_string();
                assert!(said.contains(file), "{file}: {said}");
                said
            }
            other => panic!("{file} of {} bytes: got {other:?}", bytes.len()),
        }
    };
    let weights = fs::read(tiny().join("model.safetensors")).unwrap();
    let header = u64::from_le_bytes(weights[..8].try_into().unwrap()) as usize;
    for file in ["config.json", "tokenizer.json", "model.safetensors", "model.json"] {
        for bytes in
            [&b""[..], b"\0", b"<html>404 Not Found</html>", b"{}", b"\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8\xf7", &[0; 64]]
        {
            refused(file, bytes);
        }
    }
    let with_header =
        |json: &str| [&(json.len() as u64).to_le_bytes()[..], json.as_bytes(), &weights[8 + header..]].concat();
    let json = std::str::from_utf8(&weights[8..8 + header]).unwrap();
    // Offsets behind the end, and a type that we do not read.
    let behind = json.replacen("\"data_offsets\":[0,", "\"data_offsets\":[999999999999,", 1);
    assert_ne!(behind, json);
    refused("model.safetensors", &with_header(&behind));
    refused("model.safetensors", &with_header(&json.replace("\"F32\"", "\"I32\"").replace("\"F16\"", "\"I16\"")));
    let config = fs::read_to_string(tiny().join("config.json")).unwrap();
    let heads = config.replace("\"num_attention_heads\": 4", "\"num_attention_heads\": 0");
    assert_ne!(heads, config);
    refused("config.json", heads.as_bytes());
    let mut manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(tiny().join("model.json")).unwrap()).unwrap();
    manifest["max_tokens"] = 2.into();
    assert!(refused("model.json", manifest.to_string().as_bytes()).contains("2 tokens"));
}

/// A model whose words are fewer than its tokenizer's must be refused when it is opened, not when a text asks for the missing ones.
#[test]
fn a_tokenizer_of_another_model_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["config.json", "tokenizer.json", "model.safetensors", "model.json"] {
        fs::copy(tiny().join(name), folder.path().join(name)).unwrap();
    }
    let mut tokenizer: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.path().join("tokenizer.json")).unwrap()).unwrap();
    let last = tokenizer["added_tokens"].as_array().unwrap().last().unwrap().clone();
    let mut stranger = last.clone();
    stranger["content"] = "forastero".into();
    stranger["id"] = 1_000_000.into();
    // An added token that the vocabulary does not have gets the next free number.
    tokenizer["added_tokens"].as_array_mut().unwrap().push(stranger);
    fs::write(folder.path().join("tokenizer.json"), tokenizer.to_string()).unwrap();
    sign(folder.path(), "tokenizer.json");
    let error = Bert::open(folder.path(), Precision::Int8).err().map(|error| error.to_string());
    assert!(error.as_ref().is_some_and(|e| e.contains("tokenizer.json") && e.contains("words")), "{error:?}");
}

/// The checksum of `file` as it is now.
fn sign(folder: &Path, file: &str) {
    use sha2::{Digest, Sha256};
    let sum: String =
        Sha256::digest(fs::read(folder.join(file)).unwrap()).iter().map(|byte| format!("{byte:02x}")).collect();
    let mut manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.join("model.json")).unwrap()).unwrap();
    manifest["files"][file] = sum.into();
    fs::write(folder.join("model.json"), manifest.to_string()).unwrap();
}
