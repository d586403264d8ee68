//! Embeddings by the content of their texts, so that only a changed text is encoded again.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use sha2::{Digest, Sha256};

use crate::encoder::{Embeddings, TextEncoder, Watch};
use crate::{Error, Result};

/// Half of a text's SHA-256: no two texts of any shop share it.
pub type ContentHash = [u8; 16];

pub fn content_hash(text: &str) -> ContentHash {
    Sha256::digest(text)[..16].try_into().expect("16 of 32 bytes")
}

/// Embeddings of one encoder.
pub trait EmbeddingCache {
    fn get(&self, hash: &ContentHash) -> Option<&[f32]>;

    /// Kept durably when it returns.
    fn insert(&mut self, hashes: &[ContentHash], embeddings: &Embeddings) -> Result<()>;
}

/// Texts encoded between two writes: what an interruption costs at most.
const PORTION: usize = 4096;

/// As `encoder.encode`, but only of texts that `cache` does not have; these are in the cache afterwards.
///
/// What was encoded before a cancellation is kept. Progress counts the texts that had to be encoded.
pub fn encode_cached(
    encoder: &dyn TextEncoder,
    cache: &mut dyn EmbeddingCache,
    texts: &[&str],
    watch: &dyn Watch,
) -> Result<Embeddings> {
    let hashes: Vec<ContentHash> = texts.iter().map(|text| content_hash(text)).collect();
    let mut seen = HashSet::new();
    let missing: Vec<usize> =
        (0..texts.len()).filter(|&text| cache.get(&hashes[text]).is_none() && seen.insert(hashes[text])).collect();
    for (portion, indices) in missing.chunks(PORTION).enumerate() {
        let texts: Vec<&str> = indices.iter().map(|&text| texts[text]).collect();
        let hashes: Vec<ContentHash> = indices.iter().map(|&text| hashes[text]).collect();
        let watch = Portion { watch, before: portion * PORTION, of: missing.len() };
        cache.insert(&hashes, &encoder.encode(&texts, &watch)?)?;
    }
    let rows = hashes.iter().flat_map(|hash| cache.get(hash).expect("encoded above"));
    Ok(Embeddings { width: encoder.width(), values: rows.copied().collect() })
}

/// Progress of a part as progress of the whole.
struct Portion<'a> {
    watch: &'a dyn Watch,
    before: usize,
    of: usize,
}

impl Watch for Portion<'_> {
    fn progress(&self, done: usize, _: usize) {
        self.watch.progress(self.before + done, self.of);
    }

    fn cancelled(&self) -> bool {
        self.watch.cancelled()
    }
}

/// A folder with a subfolder for each encoder and a safetensors file for each portion: `hashes` n × 16 bytes, `embeddings` n × width float32.
///
/// All of it is held in memory while open. Many small files become one when the cache is opened. One process at a time.
pub struct FileCache {
    folder: PathBuf,
    width: usize,
    rows: FxHashMap<ContentHash, u32>,
    values: Vec<f32>,
}

/// More files than this are merged into one.
const MOST_FILES: usize = 16;

impl FileCache {
    /// Opens, or creates, the cache of this encoder below `folder`.
    pub fn open(folder: &Path, encoder: &dyn TextEncoder) -> Result<Self> {
        let folder = folder.join(encoder.id());
        fs::create_dir_all(&folder).map_err(Error::io(&folder))?;
        let files = shards(&folder)?;
        let mut cache = Self { folder, width: encoder.width(), rows: FxHashMap::default(), values: Vec::new() };
        for file in &files {
            cache.read(file)?;
        }
        if files.len() > MOST_FILES {
            cache.merge(&files)?;
        }
        Ok(cache)
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn read(&mut self, file: &Path) -> Result<()> {
        let bytes = fs::read(file).map_err(Error::io(file))?;
        let problem =
            |problem: String| Error::cache(file, format!("{problem}; delete it, its texts are encoded again"));
        let tensors = SafeTensors::deserialize(&bytes).map_err(|error| problem(error.to_string()))?;
        let tensor = |name: &str| tensors.tensor(name).map_err(|error| problem(error.to_string()));
        let (hashes, embeddings) = (tensor("hashes")?, tensor("embeddings")?);
        let n = hashes.shape()[0];
        let as_wanted = (hashes.dtype(), hashes.shape()) == (Dtype::U8, &[n, size_of::<ContentHash>()])
            && (embeddings.dtype(), embeddings.shape()) == (Dtype::F32, &[n, self.width]);
        if !as_wanted {
            let got = (hashes.shape(), embeddings.shape());
            return Err(problem(format!("got tensors of shapes {got:?}, wanted {n} × 16 and {n} × {}", self.width)));
        }
        let values = embeddings.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
        self.add(hashes.data().as_chunks().0, values);
        Ok(())
    }

    fn add(&mut self, hashes: &[ContentHash], values: impl Iterator<Item = f32>) {
        let first = self.values.len() / self.width;
        self.values.extend(values);
        self.rows.extend(hashes.iter().enumerate().map(|(row, hash)| (*hash, (first + row) as u32)));
    }

    /// One file with everything takes the place of many.
    fn merge(&mut self, files: &[PathBuf]) -> Result<()> {
        let mut hashes: Vec<ContentHash> = self.rows.keys().copied().collect();
        hashes.sort_unstable();
        let values = hashes.iter().flat_map(|hash| self.get(hash).expect("a known hash")).copied().collect();
        let all = Embeddings { width: self.width, values };
        let merged = self.write(&hashes, &all)?;
        let mut others = files.iter().filter(|file| **file != merged);
        others.try_for_each(|file| fs::remove_file(file).map_err(Error::io(file)))?;
        (self.rows, self.values) = (FxHashMap::default(), Vec::new());
        self.add(&hashes, all.values.into_iter());
        Ok(())
    }

    /// A new file, complete or not there at all; answers with its path.
    fn write(&self, hashes: &[ContentHash], embeddings: &Embeddings) -> Result<PathBuf> {
        let shape = |width| vec![hashes.len(), width];
        let view = |dtype, shape, bytes| TensorView::new(dtype, shape, bytes).expect("shape and bytes agree");
        let bytes: Vec<u8> = embeddings.values.iter().flat_map(|x| x.to_le_bytes()).collect();
        let tensors = [
            ("hashes", view(Dtype::U8, shape(size_of::<ContentHash>()), hashes.as_flattened())),
            ("embeddings", view(Dtype::F32, shape(self.width), &bytes)),
        ];
        let bytes = safetensors::serialize(tensors, None).map_err(|error| Error::cache(&self.folder, error))?;
        // The name follows from the content, so that a file is never written over by another.
        let name: String = Sha256::digest(&bytes)[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        let (part, file) = (self.folder.join(format!("{name}.part")), self.folder.join(format!("{name}.safetensors")));
        let write = || {
            let mut handle = File::create(&part)?;
            handle.write_all(&bytes)?;
            handle.sync_all()?;
            fs::rename(&part, &file)?;
            File::open(&self.folder)?.sync_all()
        };
        write().map_err(Error::io(&file))?;
        Ok(file)
    }
}

impl EmbeddingCache for FileCache {
    fn get(&self, hash: &ContentHash) -> Option<&[f32]> {
        self.rows.get(hash).map(|&row| &self.values[row as usize * self.width..][..self.width])
    }

    fn insert(&mut self, hashes: &[ContentHash], embeddings: &Embeddings) -> Result<()> {
        assert_eq!(hashes.len(), embeddings.rows().len(), "one embedding for each text");
        self.write(hashes, embeddings)?;
        self.add(hashes, embeddings.values.iter().copied());
        Ok(())
    }
}

/// Complete files, in the order of their names.
fn shards(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).map_err(Error::io(folder))?;
    let paths: Vec<PathBuf> =
        entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>().map_err(Error::io(folder))?;
    let mut files: Vec<PathBuf> =
        paths.into_iter().filter(|path| path.extension().is_some_and(|e| e == "safetensors")).collect();
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::Unwatched;

    /// The length of a text as its embedding; remembers what it was asked.
    struct Lengths(Mutex<Vec<String>>);

    impl TextEncoder for Lengths {
        fn id(&self) -> &str {
            "lengths"
        }
        fn width(&self) -> usize {
            2
        }
        fn encode(&self, texts: &[&str], _: &dyn Watch) -> Result<Embeddings> {
            self.0.lock().unwrap().extend(texts.iter().map(|text| text.to_string()));
            Ok(Embeddings { width: 2, values: texts.iter().flat_map(|text| [text.len() as f32, 1.0]).collect() })
        }
    }

    fn encode(encoder: &Lengths, folder: &Path, texts: &[&str]) -> Vec<f32> {
        let mut cache = FileCache::open(folder, encoder).unwrap();
        encode_cached(encoder, &mut cache, texts, &Unwatched).unwrap().values
    }

    #[test]
    fn only_changed_texts_are_encoded_again() {
        let folder = tempfile::tempdir().unwrap();
        let encoder = Lengths(Mutex::default());
        let asked = || std::mem::take(&mut *encoder.0.lock().unwrap());
        assert_eq!(encode(&encoder, folder.path(), &["a", "bb", "a"]), [1., 1., 2., 1., 1., 1.]);
        assert_eq!(asked(), ["a", "bb"]);
        assert_eq!(encode(&encoder, folder.path(), &["bb", "ccc", "a"]), [2., 1., 3., 1., 1., 1.]);
        assert_eq!(asked(), ["ccc"]);
        // Many runs with little each: the files are merged, and nothing is lost.
        for i in 0..3 * MOST_FILES {
            encode(&encoder, folder.path(), &[&"x".repeat(10 + i)]);
        }
        asked();
        assert!(shards(&folder.path().join("lengths")).unwrap().len() <= MOST_FILES + 2);
        assert_eq!(encode(&encoder, folder.path(), &["a", &"x".repeat(12)]), [1., 1., 12., 1.]);
        assert!(asked().is_empty());
    }

    #[test]
    fn a_damaged_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let encoder = Lengths(Mutex::default());
        encode(&encoder, folder.path(), &["a", "bb"]);
        let [file] = &shards(&folder.path().join("lengths")).unwrap()[..] else { panic!("one file") };
        let bytes = fs::read(file).unwrap();
        fs::write(file, &bytes[..bytes.len() - 4]).unwrap();
        let error = FileCache::open(folder.path(), &encoder).err().unwrap().to_string();
        assert!(error.contains("delete it") && error.contains(".safetensors"), "{error}");
    }
}
