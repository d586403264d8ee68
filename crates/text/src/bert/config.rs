//! What a model folder says of itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// `model.json`: what Hugging Face's files leave open, and what the files must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Part of the name of every embedding.
    pub id: String,
    /// Where it came from: a repository of the Hub, packages of a registry.
    pub source: String,
    /// Commit or version there.
    pub revision: String,
    pub licence: String,
    pub pooling: Pooling,
    /// Stands before every text; E5 was trained with "query: ".
    pub prefix: String,
    /// Longer texts are cut.
    pub max_tokens: usize,
    /// SHA-256 of each file, in hexadecimal.
    pub files: BTreeMap<String, String>,
}

/// How the states of the tokens become one embedding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    Mean,
    /// The first token's.
    Cls,
}

/// `config.json`, as far as a forward pass needs it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Config {
    pub model_type: String,
    pub hidden_act: String,
    pub hidden_size: usize,
    pub num_hidden_layers: usize,
    pub num_attention_heads: usize,
    pub intermediate_size: usize,
    pub max_position_embeddings: usize,
    pub vocab_size: usize,
    pub type_vocab_size: usize,
    pub layer_norm_eps: f32,
}

impl Config {
    /// What is wrong with it, if anything.
    pub fn problem(&self) -> Option<String> {
        if self.model_type != "bert" {
            Some(format!("got a model of type `{}`, wanted `bert`", self.model_type))
        } else if self.hidden_act != "gelu" {
            Some(format!("got the activation `{}`, wanted `gelu`", self.hidden_act))
        } else if self.num_attention_heads == 0 || !self.hidden_size.is_multiple_of(self.num_attention_heads) {
            Some(format!("{} numbers cannot be shared by {} heads", self.hidden_size, self.num_attention_heads))
        } else {
            None
        }
    }
}
