//! What to ask a newcomer, and what the answers say of them.
//!
//! [`Questionnaire`] is made once a snapshot: the products and categories that can be asked about, each as
//! [`models::onboarding`] sees it. A shopper's declared preferences, and what they bought or viewed, are the evidence; the next
//! questions are those whose answers are expected to tell most beside it.

use domain::{Preference, ProductId};
use features::{Profile, Subject};
use models::onboarding::{Answer, Interview, Population, Topic};
use rustc_hash::FxHashMap;

use crate::{ModelSet, Shelf};

/// Products that may be asked about: of all that are sold now, those that most people have. Others are not recognised.
const PRODUCTS_MAX: usize = 200;
/// An answer that tells less than this, in bits, is not worth a newcomer's time.
const BITS_MIN: f64 = 0.01;
/// Answers after which nobody is asked any more.
const ANSWERS_MAX: usize = 20;

/// A question and what its answer is expected to tell, beside the questions before it on the page.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    pub subject: Subject,
    pub bits: f64,
}

/// What can be asked, ready to be weighed. Empty where the models know no population.
#[derive(Default)]
pub struct Questionnaire {
    subjects: Vec<Subject>,
    topics: Vec<Topic>,
    numbers: FxHashMap<Subject, usize>,
}

impl Questionnaire {
    pub fn new(models: &ModelSet, shelf: &Shelf) -> Self {
        let mut questionnaire = Self::default();
        let Some(population) = models.population() else { return questionnaire };
        let mut categories: FxHashMap<&str, Vec<&[f32]>> = FxHashMap::default();
        for (item, shares) in population.items() {
            let id = models.product_id(item);
            let Some(product) = shelf.get(id).filter(|product| product.is_available()) else { continue };
            if questionnaire.topics.len() < PRODUCTS_MAX {
                questionnaire.add(Subject::Product(id.clone()), Topic::product(shares));
            }
            product.categories.iter().for_each(|category| categories.entry(category).or_default().push(shares));
        }
        let mut categories: Vec<_> = categories.into_iter().collect();
        categories.sort_unstable_by_key(|(category, _)| *category);
        for (category, products) in categories {
            if let Some(topic) = Topic::category(products.into_iter()) {
                questionnaire.add(Subject::Category(category.to_owned()), topic);
            }
        }
        questionnaire
    }

    fn add(&mut self, subject: Subject, topic: Topic) {
        self.numbers.insert(subject.clone(), self.topics.len());
        self.subjects.push(subject);
        self.topics.push(topic);
    }

    /// What is believed of somebody after what they said and did.
    pub(crate) fn interview(&self, population: &Population, profile: &Profile) -> Interview {
        let mut interview = Interview::begin(population);
        for (topic, answer) in self.evidence(profile) {
            interview.hear(&self.topics[topic], answer);
        }
        interview
    }

    /// Each topic once: a word about a product weighs more than what was done with it.
    fn evidence(&self, profile: &Profile) -> impl Iterator<Item = (usize, Answer)> {
        let said = profile.declared().iter().map(|said| (said.subject.clone(), answer(said.preference)));
        let liked = profile.history().iter().filter(|entry| entry.strength() > 0.0);
        let done = liked.map(|entry| (Subject::Product(entry.product_id.clone()), Answer::Like));
        let mut heard = rustc_hash::FxHashSet::default();
        said.chain(done)
            .filter_map(move |(subject, answer)| Some((*self.numbers.get(&subject)?, answer)))
            .filter(move |(topic, _)| heard.insert(*topic))
    }

    /// The next `n` questions, best first; fewer where fewer are worth asking, none when enough was asked.
    pub(crate) fn ask(&self, population: &Population, profile: &Profile, n: usize) -> Vec<Question> {
        if profile.declared().len() >= ANSWERS_MAX {
            return Vec::new();
        }
        let mut is_open = vec![true; self.topics.len()];
        self.evidence(profile).for_each(|(topic, _)| is_open[topic] = false);
        let open: Vec<usize> = (0..self.topics.len()).filter(|topic| is_open[*topic]).collect();
        let asked = self.interview(population, profile).ask(&self.topics, &open, n);
        asked
            .into_iter()
            .filter(|asked| asked.bits >= BITS_MIN)
            .map(|asked| Question { subject: self.subjects[asked.topic].clone(), bits: asked.bits })
            .collect()
    }
}

fn answer(preference: Preference) -> Answer {
    match preference {
        Preference::Like => Answer::Like,
        Preference::Dislike => Answer::Dislike,
        Preference::Unknown => Answer::Unknown,
    }
}

/// What a shopper's words mean for one slate. Behaviour wins over words: a word about a product or a category that the
/// shopper dealt with later is not listened to.
#[derive(Debug, Default)]
pub(crate) struct Words {
    pub liked_products: Vec<(ProductId, domain::Timestamp)>,
    pub disliked_products: Vec<ProductId>,
    /// Newest first.
    pub liked_categories: Vec<String>,
    pub disliked_categories: Vec<String>,
}

impl Words {
    pub fn of(profile: &Profile, shelf: &Shelf) -> Self {
        let mut words = Self::default();
        let liked = || profile.history().iter().filter(|entry| entry.strength() > 0.0);
        for said in profile.declared() {
            let later = || liked().filter(|entry| entry.last_at > said.at);
            let is_in = |id: &ProductId, category: &str| {
                shelf.get(id).is_some_and(|product| product.categories.iter().any(|other| other == category))
            };
            match (&said.subject, said.preference) {
                (Subject::Product(id), Preference::Like) => words.liked_products.push((id.clone(), said.at)),
                (Subject::Category(category), Preference::Like) => words.liked_categories.push(category.clone()),
                (Subject::Product(id), Preference::Dislike) if !later().any(|entry| entry.product_id == *id) => {
                    words.disliked_products.push(id.clone());
                }
                (Subject::Category(category), Preference::Dislike)
                    if !later().any(|entry| is_in(&entry.product_id, category)) =>
                {
                    words.disliked_categories.push(category.clone());
                }
                _ => {}
            }
        }
        words
    }
}
