//! Configuration: `default.toml`, compiled in, is the default and the manual.
//! Raw layers are merged as tables, then read once into these structs, so an unknown key is refused wherever it was set.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use domain::{Announced, Currency, Money, Occasion, Shop, calendar::Window};
use experiment::contents::Chooser;
use insight::queries::MARKS_MAX;
use privacy::ConsentPolicy;
use serde::{Deserialize, Deserializer, de::Error};
use text::{Precision, words::Language};
use toml::{Table, Value};

const DEFAULT: &str = include_str!("config/default.toml");
const ENV_PREFIX: &str = "VITRINA__";

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub server: Server,
    pub shop: ShopSection,
    pub calendar: Calendar,
    pub privacy: Privacy,
    pub store: StoreSection,
    pub serve: Serve,
    pub text: Text,
    pub search: Search,
    pub train: Train,
    pub log: Log,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    pub addr: SocketAddr,
    pub data: PathBuf,
    pub api_keys: Vec<String>,
    pub public_keys: Vec<String>,
    pub origins: Vec<String>,
    pub storefront: bool,
    pub connections_max: usize,
    pub header_timeout_ms: u64,
    pub body_timeout_ms: u64,
    pub body_bytes_max: usize,
    pub drain_ms: u64,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Keys never reach a log.
        f.debug_struct("Server")
            .field("addr", &self.addr)
            .field("data", &self.data)
            .field("api_keys", &self.api_keys.len())
            .field("public_keys", &self.public_keys.len())
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShopSection {
    pub name: String,
    pub currency: Currency,
    pub time_zone: String,
    pub locale: String,
    pub free_shipping_from: f64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calendar {
    #[serde(deserialize_with = "announced")]
    pub announced: Announced,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Privacy {
    pub consent: ConsentPolicy,
    pub key_file: PathBuf,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreSection {
    pub profile_cache_bytes: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Serve {
    pub n: usize,
    pub n_max: usize,
    pub recommend_purchased: bool,
    pub hide_duplicates: bool,
    pub explore_share: f32,
    pub explore_times: u32,
    pub content_policy: Chooser,
    pub trace_days: u32,
    pub trace_mib_max: u64,
    pub plans: PathBuf,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    pub model: PathBuf,
    pub precision: Precision,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Search {
    pub personal_weight: f32,
    pub popular_weight: f32,
    pub queries_users_min: usize,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Train {
    pub models: Vec<String>,
    #[serde(deserialize_with = "key_values")]
    pub set: Vec<(String, String)>,
    pub seed: u64,
    pub gate_ratio: f64,
}

/// `KEY=VALUE`, as on the command line.
fn key_values<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(String, String)>, D::Error> {
    let pairs = Vec::<String>::deserialize(deserializer)?;
    pairs.iter().map(|pair| models::options::key_value(pair)).collect::<Result<_, _>>().map_err(Error::custom)
}

/// `cyber-wow 2026-11-02/2026-11-05`, as in ISO 8601.
fn announced<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Announced, D::Error> {
    let mut windows: BTreeMap<Occasion, Vec<Window>> = BTreeMap::new();
    for text in Vec::<String>::deserialize(deserializer)? {
        let parts = text.split_once(' ').and_then(|(occasion, days)| Some((occasion, days.split_once('/')?)));
        let (occasion, (first, last)) = parts.ok_or_else(|| {
            Error::custom(format!("calendar.announced: wanted OCCASION FIRST/LAST, such as \"cyber-wow 2026-11-02/2026-11-05\", got {text:?}"))
        })?;
        let day =
            |day: &str| day.parse().map_err(|error| Error::custom(format!("calendar.announced: {day:?}: {error}")));
        let occasion = occasion.parse().map_err(|error| Error::custom(format!("calendar.announced: {error}")))?;
        windows.entry(occasion).or_default().push(Window { first: day(first)?, last: day(last)? });
    }
    let announced = Announced::new(windows);
    announced.check().map_err(|error| Error::custom(format!("calendar.announced: {error}")))?;
    Ok(announced)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub format: LogFormat,
    pub level: String,
}

/// What the command line sets; it wins over file and environment.
#[derive(Debug, Default, Clone)]
pub struct Overrides {
    pub data: Option<PathBuf>,
    pub addr: Option<SocketAddr>,
    pub shop: Option<String>,
}

impl Config {
    /// # Errors
    /// When a file can't be read, a key is unknown (the message names the nearest one) or a value is out of range.
    pub fn load(
        file: Option<&Path>,
        env: impl IntoIterator<Item = (String, String)>,
        overrides: Overrides,
    ) -> anyhow::Result<Self> {
        let mut table: Table = DEFAULT.parse().context("the compiled-in default.toml")?;
        let known = table.clone();
        if let Some(path) = file {
            let text = std::fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?;
            let layer: Table = text.parse().with_context(|| format!("{} is not valid TOML", path.display()))?;
            merge(&mut table, layer, &known, &path.display().to_string())?;
        }
        for (section, layer, origin) in env_layers(env)? {
            merge(&mut table, Table::from_iter([(section, Value::Table(layer))]), &known, &origin)?;
        }
        let mut config: Self = table.try_into().context("in the configuration")?;
        config.server.data = overrides.data.unwrap_or(config.server.data);
        config.server.addr = overrides.addr.unwrap_or(config.server.addr);
        config.shop.name = overrides.shop.unwrap_or(config.shop.name);
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> anyhow::Result<()> {
        self.shop().check()?;
        if !self.server.addr.ip().is_loopback() && self.server.api_keys.is_empty() {
            bail!(
                "server.addr is {}, which others can reach, and server.api_keys is empty; \
                 set a key (VITRINA__SERVER__API_KEYS='[\"…\"]') or listen on 127.0.0.1",
                self.server.addr
            );
        }
        if self.server.api_keys.iter().chain(&self.server.public_keys).any(|key| key.len() < 16) {
            bail!(
                "server.api_keys or server.public_keys has a key of fewer than 16 characters; make one with `openssl rand -hex 16`"
            );
        }
        if self.server.public_keys.iter().any(|key| self.server.api_keys.contains(key)) {
            bail!("server.public_keys has a key of server.api_keys, which everybody could read then; make another one");
        }
        let is_origin = |origin: &String| {
            let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
            host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '*', ' ']))
        };
        if let Some(wrong) = self.server.origins.iter().find(|origin| !is_origin(origin)) {
            bail!("server.origins has {wrong:?}; write scheme and host alone, such as https://tienda.pe");
        }
        if !(0.0..=2.0).contains(&self.train.gate_ratio) {
            bail!("train.gate_ratio must be 0 to 2, got {}", self.train.gate_ratio);
        }
        if self.serve.n == 0 || self.serve.n > self.serve.n_max || self.serve.n_max > 1000 {
            bail!("serve.n ({}) must be 1 to serve.n_max ({}), and that at most 1000", self.serve.n, self.serve.n_max);
        }
        if !(0.0..=1.0).contains(&self.serve.explore_share) {
            bail!("serve.explore_share must be 0 to 1, got {}", self.serve.explore_share);
        }
        let Search { personal_weight, popular_weight, queries_users_min } = self.search;
        if ![personal_weight, popular_weight].iter().all(|weight| (0.0..=10.0).contains(weight)) {
            bail!(
                "search.personal_weight ({personal_weight}) and search.popular_weight ({popular_weight}) must be 0 to 10"
            );
        }
        if queries_users_min > MARKS_MAX {
            bail!("search.queries_users_min must be 0 to {MARKS_MAX}, got {queries_users_min}");
        }
        Ok(())
    }

    pub fn shop(&self) -> Shop {
        let ShopSection { name, currency, time_zone, locale, .. } = self.shop.clone();
        Shop { name, currency, time_zone, locale }
    }

    /// From this sum on the shop delivers free of charge.
    pub fn free_shipping_from(&self) -> Option<Money> {
        Money::from_major(self.shop.free_shipping_from, self.shop.currency).filter(|sum| sum.minor > 0)
    }

    /// Where the shop's own plans are, or will be.
    pub fn plans(&self) -> PathBuf {
        if self.serve.plans.as_os_str().is_empty() { self.server.data.join("plans") } else { self.serve.plans.clone() }
    }

    /// Where it is kept how slates came about.
    pub fn traces(&self) -> PathBuf {
        self.server.data.join("traces").join(&self.shop.name)
    }

    /// Of texts whose own is in doubt: the locale's; Spanish where that is none that we know.
    pub fn language(&self) -> Language {
        match self.shop.locale.split('-').next() {
            Some("en") => Language::English,
            Some("pt") => Language::Portuguese,
            _ => Language::Spanish,
        }
    }

    /// Where the text encoder is, or will be.
    pub fn text_model(&self) -> PathBuf {
        if self.text.model.as_os_str().is_empty() {
            self.server.data.join("text-model")
        } else {
            self.text.model.clone()
        }
    }

    pub fn key_file(&self) -> PathBuf {
        if self.privacy.key_file.as_os_str().is_empty() {
            self.server.data.join("keys/pseudonym.key")
        } else {
            self.privacy.key_file.clone()
        }
    }
}

/// `VITRINA__SERVER__ADDR=…` becomes the layer `[server] addr = …`. Values are TOML; what is no TOML is a string.
fn env_layers(env: impl IntoIterator<Item = (String, String)>) -> anyhow::Result<Vec<(String, Table, String)>> {
    let sorted: BTreeMap<String, String> = env.into_iter().filter(|(name, _)| name.starts_with(ENV_PREFIX)).collect();
    sorted
        .into_iter()
        .map(|(name, text)| {
            let path = name[ENV_PREFIX.len()..].to_ascii_lowercase();
            let (section, key) = path.split_once("__").with_context(|| {
                format!("{name} must be {ENV_PREFIX}SECTION__KEY, such as {ENV_PREFIX}SERVER__ADDR")
            })?;
            let value = format!("v = {text}").parse::<Table>().ok().and_then(|mut t| t.remove("v"));
            let layer = Table::from_iter([(key.to_owned(), value.unwrap_or(Value::String(text)))]);
            Ok((section.to_owned(), layer, name))
        })
        .collect()
}

fn merge(base: &mut Table, layer: Table, known: &Table, origin: &str) -> anyhow::Result<()> {
    for (section, keys) in layer {
        let Some(Value::Table(known_keys)) = known.get(&section) else {
            bail!("{origin}: there is no section [{section}]{}", nearest(&section, known.keys()));
        };
        let Value::Table(keys) = keys else {
            bail!("{origin}: {section} is a section; write [{section}] and its keys below it");
        };
        for (key, value) in keys {
            let Some(default) = known_keys.get(&key) else {
                bail!("{origin}: there is no key {section}.{key}{}", nearest(&key, known_keys.keys()));
            };
            let fits = default.same_type(&value) || (default.is_float() && value.is_integer());
            if !fits {
                let (got, wanted) = (value.type_str(), default.type_str());
                bail!("{origin}: {section}.{key} must be of type {wanted} (such as {default}), got {got} {value}");
            }
            if let Some(Value::Table(target)) = base.get_mut(&section) {
                target.insert(key, value);
            }
        }
    }
    Ok(())
}

/// `; did you mean "addr"?` when something known is near.
pub fn nearest<'a>(got: &str, known: impl Iterator<Item = &'a String>) -> String {
    known
        .map(|name| (strsim::damerau_levenshtein(got, name), name))
        .min()
        .filter(|(distance, name)| *distance <= 2.max(name.len() / 3))
        .map_or_else(String::new, |(_, name)| format!("; did you mean {name:?}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(file: &str, env: &[(&str, &str)]) -> anyhow::Result<Config> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("vitrina.toml");
        std::fs::write(&path, file)?;
        let env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        Config::load(Some(&path), env, Overrides::default())
    }

    fn refusal(file: &str, env: &[(&str, &str)]) -> String {
        format!("{:#}", load(file, env).expect_err("must be refused"))
    }

    #[test]
    fn the_manual_is_a_working_configuration() {
        let config = load("", &[]).unwrap();
        assert_eq!(config.shop(), Shop::default());
        assert_eq!(config.key_file(), Path::new(".vitrina/keys/pseudonym.key"));
        for (key, value) in &config.train.set {
            let (model, key) = key.split_once('.').unwrap();
            if model == train::auto::NAME {
                train::auto::budget(value).unwrap();
                continue;
            }
            models::catalogue::find(model).unwrap().options(&[(key, value)]).unwrap();
        }
    }

    #[test]
    fn environment_wins_over_file() {
        let env =
            [("VITRINA__SERVER__ADDR", "127.0.0.1:1"), ("VITRINA__TRAIN__MODELS", "[\"popular\"]"), ("HOME", "/")];
        let config = load("[server]\naddr = \"127.0.0.1:2\"\ndrain_ms = 5", &env).unwrap();
        assert_eq!((config.server.addr.port(), config.server.drain_ms), (1, 5));
        assert_eq!(config.train.models, ["popular"]);
    }

    #[test]
    fn a_wrong_key_is_refused_with_the_nearest_one() {
        assert!(refusal("[server]\nadr = \"x\"", &[]).ends_with("there is no key server.adr; did you mean \"addr\"?"));
        assert!(refusal("[sever]\n", &[]).ends_with("there is no section [sever]; did you mean \"server\"?"));
        assert!(refusal("", &[("VITRINA__SERVER__DATTA", "x")]).contains("did you mean \"data\"?"));
        assert!(refusal("[serve]\nn = \"ten\"", &[]).contains("serve.n must be of type integer"));
        assert!(refusal("[train]\nset = [\"factors\"]", &[]).contains("wanted KEY=VALUE"));
        assert!(refusal("[train]\ngate_ratio = 9.5", &[]).contains("train.gate_ratio must be 0 to 2, got 9.5"));
    }

    #[test]
    fn an_open_address_needs_a_key() {
        assert!(refusal("[server]\naddr = \"0.0.0.0:7700\"", &[]).contains("api_keys is empty"));
        let key = [("VITRINA__SERVER__API_KEYS", "[\"0123456789abcdef\"]")];
        let config = load("[server]\naddr = \"0.0.0.0:7700\"", &key).unwrap();
        assert!(!format!("{config:?}").contains("0123456789abcdef"));
    }
}
