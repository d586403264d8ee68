//! Everything a request reads besides the shopper: the models and the catalogue, frozen together.

use std::sync::Arc;

use domain::{ModelVersion, Product, ProductId, Timestamp};
use features::deals::Deal;
use models::{History, Model, Tensors, bought_together, catalogue, onboarding::Population, rank};
use rustc_hash::FxHashMap;
use store::{Registry, StoreError};

use crate::{
    Listings, Newcomers, Offers, Plans, Rules,
    content::Content,
    numbering::Numbering,
    onboarding::Questionnaire,
    rules::Matches,
    scorer::{self, Scorer},
};

/// The fitted models of one registry version and the products that they number.
#[derive(Default)]
pub struct ModelSet {
    pub version: Option<ModelVersion>,
    pub created_at: Option<Timestamp>,
    items: Vec<ProductId>,
    index: FxHashMap<ProductId, u32>,
    /// As the training named them: the last that is personal speaks for shoppers.
    models: Vec<Box<dyn Model>>,
    /// Of these, the first that knows what goes with a product; what is bought together is asked for by its name.
    item_to_item: Option<usize>,
    /// A brought model that ranks anew what the personal one finds.
    scorer: Option<Scorer>,
    /// Taste groups of the people that the version learned from.
    population: Option<Population>,
    /// Ranked once, because they do not depend on who asks.
    popular: Vec<(u32, f32)>,
    /// The same by item number.
    popularity: Vec<f32>,
    trending: Vec<(u32, f32)>,
}

/// The file of a registry version that has the taste groups of its people: shares of groups, nobody's row. Versions that
/// were trained before there was one, or by too few people, have none.
pub const POPULATION_FILE: &str = "population.safetensors";
/// The file of a registry version that numbers the products: a JSON list of ids.
pub const ITEMS_FILE: &str = "items.json";

#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(
        "model version {version} can't be loaded: {detail}; roll back with `vitrina models rollback`, or train again"
    )]
    Model { version: ModelVersion, detail: String },
}

impl ModelSet {
    /// Loads a version from the registry; whatever is damaged is an error, and the caller keeps the set it has.
    ///
    /// # Errors
    /// When the registry can't be read, a checksum differs or the files don't fit together.
    pub fn load(registry: &dyn Registry, version: &ModelVersion) -> Result<Self, SnapshotError> {
        let manifest = registry.get(version)?;
        let broken = |detail: String| SnapshotError::Model { version: version.clone(), detail };
        let items: Vec<ProductId> =
            serde_json::from_slice(&registry.file(version, ITEMS_FILE)?).map_err(|e| broken(e.to_string()))?;
        let mut models = Vec::new();
        for name in &manifest.models {
            let bytes = registry.file(version, &format!("{name}.safetensors"))?;
            let model = Tensors::from_bytes(&bytes)
                .and_then(|tensors| catalogue::load(&tensors))
                .map_err(|e| broken(format!("{name}: {e}")))?;
            if model.n_items() != items.len() {
                let (got, wanted) = (model.n_items(), items.len());
                return Err(broken(format!("{name} ranks {got} products, {ITEMS_FILE} names {wanted}")));
            }
            models.push(model);
        }
        let scorer = scorer::of_version(registry, version)?;
        let population = match manifest.checksums.contains_key(POPULATION_FILE) {
            true => Some(population(&registry.file(version, POPULATION_FILE)?, items.len()).map_err(broken)?),
            false => None,
        };
        Ok(Self { scorer, population, ..Self::new(Some(version.clone()), Some(manifest.created_at), items, models) })
    }

    /// The same models with a scorer over them.
    #[must_use]
    pub fn with_scorer(self, scorer: Scorer) -> Self {
        Self { scorer: Some(scorer), ..self }
    }

    /// The same models with the taste groups of their people.
    ///
    /// # Panics
    /// When the groups know other products.
    #[must_use]
    pub fn with_population(self, population: Population) -> Self {
        assert_eq!(population.n_items(), self.items.len(), "groups and models know the same products");
        Self { population: Some(population), ..self }
    }

    /// # Panics
    /// When a model ranks another number of products than there are items.
    pub fn new(
        version: Option<ModelVersion>,
        created_at: Option<Timestamp>,
        items: Vec<ProductId>,
        models: Vec<Box<dyn Model>>,
    ) -> Self {
        assert!(models.iter().all(|model| model.n_items() == items.len()), "every model ranks the same products");
        let index = items.iter().enumerate().map(|(i, id)| (id.clone(), i as u32)).collect();
        let now = created_at.map_or(0, Timestamp::seconds);
        let ranking = |name: &str| {
            let Some(model) = models.iter().find(|model| model.name() == name) else { return Vec::new() };
            let mut scores = vec![0.0; items.len()];
            model.score(&History { items: &[], now }, &mut scores);
            rank::top_k(&scores, items.len())
        };
        let (popular, trending) = (ranking("popular"), ranking("trending"));
        let mut popularity = vec![0.0; if popular.is_empty() { 0 } else { items.len() }];
        popular.iter().for_each(|&(item, score)| popularity[item as usize] = score);
        let knows_neighbours =
            |model: &dyn Model| (0..items.len() as u32).any(|item| !model.neighbours(item, 1).is_empty());
        let is_item_to_item = |model: &dyn Model| model.name() != bought_together::NAME && knows_neighbours(model);
        let item_to_item = models.iter().position(|model| is_item_to_item(model.as_ref()));
        Self {
            version,
            created_at,
            items,
            index,
            models,
            item_to_item,
            scorer: None,
            population: None,
            popular,
            popularity,
            trending,
        }
    }

    pub(crate) fn item(&self, id: &ProductId) -> Option<u32> {
        self.index.get(id).copied()
    }

    pub(crate) fn product_id(&self, item: u32) -> &ProductId {
        &self.items[item as usize]
    }

    pub(crate) fn n_items(&self) -> usize {
        self.items.len()
    }

    pub(crate) fn scorer(&self) -> Option<&Scorer> {
        self.scorer.as_ref()
    }

    pub(crate) fn population(&self) -> Option<&Population> {
        self.population.as_ref()
    }

    pub(crate) fn model(&self, name: &str) -> Option<&dyn Model> {
        self.models.iter().find(|model| model.name() == name).map(AsRef::as_ref)
    }

    pub(crate) fn personal(&self) -> Option<&dyn Model> {
        catalogue::personal(self.models.iter().map(|model| model.name())).and_then(|name| self.model(name))
    }

    pub(crate) fn item_to_item(&self) -> Option<&dyn Model> {
        self.item_to_item.map(|at| self.models[at].as_ref())
    }

    /// The model that learned from orders alone what is bought together.
    pub(crate) fn bought_together(&self) -> Option<&dyn Model> {
        self.model(bought_together::NAME)
    }

    pub(crate) fn popular(&self) -> &[(u32, f32)] {
        &self.popular
    }

    /// What a product sells beside others; `None` without the model `popular`, and for products that it does not know.
    pub(crate) fn popularity(&self, id: &ProductId) -> Option<f32> {
        self.popularity.get(self.item(id)? as usize).copied()
    }

    /// By item number; empty without the model `popular`.
    pub(crate) fn popularities(&self) -> &[f32] {
        &self.popularity
    }

    pub(crate) fn trending(&self) -> &[(u32, f32)] {
        &self.trending
    }
}

fn population(bytes: &[u8], n_items: usize) -> Result<Population, String> {
    let population = Population::from_bytes(bytes).map_err(|error| format!("{POPULATION_FILE}: {error}"))?;
    match population.n_items() == n_items {
        true => Ok(population),
        false => {
            Err(format!("{POPULATION_FILE} knows {} products, {ITEMS_FILE} names {n_items}", population.n_items()))
        }
    }
}

/// The catalogue, as the models number it.
#[derive(Default)]
pub struct Shelf {
    products: FxHashMap<ProductId, Arc<Product>>,
    /// In the catalogue's order, for a shop that has nothing else.
    order: Vec<ProductId>,
    has_sellers: bool,
}

impl Shelf {
    pub fn new(products: Vec<Arc<Product>>) -> Self {
        let order = products.iter().map(|product| product.product_id.clone()).collect();
        let has_sellers = products.iter().any(|product| product.seller.is_some());
        Self { products: products.into_iter().map(|p| (p.product_id.clone(), p)).collect(), order, has_sellers }
    }

    pub fn get(&self, id: &ProductId) -> Option<&Arc<Product>> {
        self.products.get(id)
    }

    pub fn is_empty(&self) -> bool {
        self.products.is_empty()
    }

    /// Does any product say who sells it?
    pub fn has_sellers(&self) -> bool {
        self.has_sellers
    }

    /// Is some product in this category, at any step of its path?
    pub fn has_category(&self, category: &str) -> bool {
        self.products.values().any(|product| product.categories.iter().any(|other| other == category))
    }

    pub fn len(&self) -> usize {
        self.products.len()
    }

    /// In the catalogue's order.
    pub fn products(&self) -> impl Iterator<Item = &Arc<Product>> {
        self.order.iter().map(|id| &self.products[id])
    }

    pub(crate) fn order(&self) -> &[ProductId] {
        &self.order
    }
}

/// Those that count as new.
const NEW_ARRIVALS_MAX: usize = 1_000;

/// The newest of the catalogue, as far as it says when they were listed; the score is the moment.
fn new_arrivals(numbering: &Numbering) -> Vec<(u32, f32)> {
    let listed = |number: &u32| numbering.product(*number).and_then(|product| product.listed_at);
    let shelf = numbering.shelf().iter().filter_map(|number| Some((*number, listed(number)?)));
    let mut newest: Vec<(u32, Timestamp)> = shelf.collect();
    newest.sort_by_key(|(_, at)| std::cmp::Reverse(*at));
    newest.into_iter().take(NEW_ARRIVALS_MAX).map(|(number, at)| (number, at.seconds() as f32)).collect()
}

/// What one request sees from its first to its last step.
#[derive(Clone, Default)]
pub struct Snapshot {
    pub models: Arc<ModelSet>,
    pub shelf: Arc<Shelf>,
    /// What the shelf's texts say; may lag behind it by some moments.
    pub content: Arc<Content>,
    /// As last read; of this shelf or an older one.
    pub listings: Arc<Listings>,
    /// The shelf's products that the models never saw; may lag behind it by some moments.
    pub newcomers: Arc<Newcomers>,
    /// Popular products of each category, best first; made once a snapshot.
    by_category: Arc<FxHashMap<String, Vec<(u32, f32)>>>,
    /// What newcomers can be asked; made once a snapshot.
    pub(crate) questionnaire: Arc<Questionnaire>,
    /// Of this shelf or an older one.
    pub offers: Arc<Offers>,
    pub plans: Arc<Plans>,
    pub rules: Arc<Rules>,
    pub(crate) matches: Arc<Matches>,
    numbering: Arc<Numbering>,
    /// Real deals by number, with the logarithm of the share that is saved; those of greatest saving first.
    deals: Arc<Vec<(u32, f32)>>,
    /// The products that were listed last, with when: the newest first.
    new_arrivals: Arc<Vec<(u32, f32)>>,
}

impl Snapshot {
    pub fn new(models: Arc<ModelSet>, shelf: Arc<Shelf>) -> Self {
        let mut by_category: FxHashMap<String, Vec<(u32, f32)>> = FxHashMap::default();
        for &(item, score) in models.popular() {
            let Some(product) = shelf.get(models.product_id(item)) else { continue };
            for category in &product.categories {
                by_category.entry(category.clone()).or_default().push((item, score));
            }
        }
        let questionnaire = Arc::new(Questionnaire::new(&models, &shelf));
        let numbering = Numbering::new(&models, &shelf);
        Self {
            models,
            shelf,
            content: Arc::default(),
            listings: Arc::default(),
            newcomers: Arc::default(),
            by_category: Arc::new(by_category),
            questionnaire,
            offers: Arc::default(),
            plans: Arc::default(),
            rules: Arc::default(),
            matches: Arc::new(Matches::new(numbering.len(), 0)),
            deals: Arc::default(),
            new_arrivals: Arc::new(new_arrivals(&numbering)),
            numbering: Arc::new(numbering),
        }
    }

    /// Other models and another catalogue with what was last read of the texts.
    #[must_use]
    pub fn renewed(&self, models: Arc<ModelSet>, shelf: Arc<Shelf>) -> Self {
        let newcomers = if self.newcomers.is_of(&models) { self.newcomers.clone() } else { Arc::default() };
        let (content, listings) = (self.content.clone(), self.listings.clone());
        let (offers, plans, rules) = (self.offers.clone(), self.plans.clone(), self.rules.clone());
        let next = Self::new(models, shelf).with_offers(offers);
        let matches = Arc::new(self.matches.next(&self.numbering, &next.numbering));
        Self { content, listings, newcomers, plans, rules, matches, ..next }
    }

    /// The same with this content.
    #[must_use]
    pub fn with_content(self, content: Arc<Content>) -> Self {
        Self { content, ..self }
    }

    /// The same with these newcomers, unless they stand beside other models.
    #[must_use]
    pub fn with_newcomers(self, newcomers: Arc<Newcomers>) -> Self {
        if newcomers.is_of(&self.models) { Self { newcomers, ..self } } else { self }
    }

    /// The same with another reading of the listings.
    #[must_use]
    pub fn with_listings(self, listings: Arc<Listings>) -> Self {
        Self { listings, ..self }
    }

    /// The same with these offers.
    #[must_use]
    pub fn with_offers(self, offers: Arc<Offers>) -> Self {
        let number = |(id, deal): (&ProductId, &Deal)| Some((self.number(id)?, (deal.percent as f32 / 100.0).ln()));
        let mut deals: Vec<(u32, f32)> = offers.deals().filter_map(number).collect();
        deals.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        Self { offers, deals: Arc::new(deals), ..self }
    }

    /// The same with these plans.
    #[must_use]
    pub fn with_plans(self, plans: Arc<Plans>) -> Self {
        Self { plans, ..self }
    }

    /// The same with these rules.
    #[must_use]
    pub fn with_rules(self, rules: Arc<Rules>) -> Self {
        let matches = Arc::new(Matches::new(self.numbering.len(), rules.len()));
        Self { rules, matches, ..self }
    }

    /// Of a product that the models or the catalogue know.
    pub(crate) fn number(&self, id: &ProductId) -> Option<u32> {
        self.numbering.number(id)
    }

    pub(crate) fn id(&self, number: u32) -> &ProductId {
        self.numbering.id(number)
    }

    /// `None` for what the models know and the catalogue does not.
    pub(crate) fn product(&self, number: u32) -> Option<&Arc<Product>> {
        self.numbering.product(number)
    }

    /// `None` for one that left the catalogue meanwhile.
    pub(crate) fn newcomer(&self, newcomer: usize) -> Option<u32> {
        self.number(self.newcomers.product_id(newcomer))
    }

    /// What two products have in common: 0 nothing – 1 category and brand.
    pub(crate) fn similarity(&self, left: u32, right: u32) -> f32 {
        self.numbering.similarity(left, right)
    }

    /// The same by id; 0 with what nobody knows.
    pub fn similarity_of(&self, left: &ProductId, right: &ProductId) -> f32 {
        match (self.number(left), self.number(right)) {
            (Some(left), Some(right)) => self.similarity(left, right),
            _ => 0.0,
        }
    }

    pub(crate) fn shelf_order(&self) -> &[u32] {
        self.numbering.shelf()
    }

    pub(crate) fn deals(&self) -> &[(u32, f32)] {
        &self.deals
    }

    pub(crate) fn new_arrivals(&self) -> &[(u32, f32)] {
        &self.new_arrivals
    }

    pub(crate) fn popular_in(&self, category: &str) -> &[(u32, f32)] {
        self.by_category.get(category).map_or(&[], Vec::as_slice)
    }
}
