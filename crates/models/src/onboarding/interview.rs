use serde::{Deserialize, Serialize};

use super::{Population, population::softmax};

/// What a newcomer says about a product or a category.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Like,
    Dislike,
    Unknown,
}

impl Answer {
    pub const ALL: [Self; 3] = [Self::Like, Self::Dislike, Self::Unknown];
}

/// Of those who don't like a thing, the share that says so; the others say that they don't know.
const SAYS_DISLIKE: f64 = 0.3;

/// Something that can be asked about.
#[derive(Debug, Clone, PartialEq)]
pub struct Topic {
    /// For each group, the share of its people who like it.
    shares: Vec<f64>,
    /// The share of people who don't answer, whatever their taste: they don't know the thing. It teaches nothing, and so
    /// costs its share of the information.
    skips: f64,
}

/// People who can't say anything about one product, and about a whole category.
const SKIPS_PRODUCT: f64 = 0.3;
const SKIPS_CATEGORY: f64 = 0.1;

impl Topic {
    /// A product that people are taken to like when they have it.
    pub fn product(shares: &[f32]) -> Self {
        Self { shares: shares.iter().map(|share| f64::from(*share)).collect(), skips: SKIPS_PRODUCT }
    }

    /// A category that people are taken to like when they have one of its products: `1 − Π (1 − share)`, for within a
    /// group one product says nothing about another. `None` without products.
    pub fn category<'a>(products: impl Iterator<Item = &'a [f32]>) -> Option<Self> {
        let none = products.fold(None, |none: Option<Vec<f64>>, shares| {
            let none = none.unwrap_or_else(|| vec![1.0; shares.len()]);
            Some(none.iter().zip(shares).map(|(none, share)| none * f64::from(1.0 - share)).collect())
        })?;
        Some(Self { shares: none.iter().map(|none| (1.0 - none).min(1.0 - 1e-6)).collect(), skips: SKIPS_CATEGORY })
    }

    /// The share of people who like it, where people fall into groups like this.
    pub fn liking(&self, belief: &[f64]) -> f64 {
        belief.iter().zip(&self.shares).map(|(weight, share)| weight * share).sum()
    }

    /// `P(answer | group)`
    fn likelihood(&self, answer: Answer, group: usize) -> f64 {
        let (likes, answers) = (self.shares[group], 1.0 - self.skips);
        match answer {
            Answer::Like => answers * likes,
            Answer::Dislike => answers * (1.0 - likes) * SAYS_DISLIKE,
            Answer::Unknown => self.skips + answers * (1.0 - likes) * (1.0 - SAYS_DISLIKE),
        }
    }
}

/// A topic to ask about, and the bits that its answer is expected to tell beside those of the topics before it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Asked {
    pub topic: usize,
    pub bits: f64,
}

/// The belief about one newcomer.
#[derive(Debug, Clone, PartialEq)]
pub struct Interview {
    belief: Vec<f64>,
}

/// Combinations of answers that are followed while questions are picked together: the likeliest ones.
const COMBINATIONS_MAX: usize = 81;
/// Topics that are weighed against each other for one page: those that tell most alone.
const SHORTLIST: usize = 200;

impl Interview {
    pub fn begin(population: &Population) -> Self {
        Self { belief: population.groups().iter().map(|share| f64::from(*share)).collect() }
    }

    /// `P(group | answers)`, adds up to 1.
    pub fn belief(&self) -> &[f64] {
        &self.belief
    }

    pub fn hear(&mut self, topic: &Topic, answer: Answer) {
        for (group, belief) in self.belief.iter_mut().enumerate() {
            *belief = (*belief * topic.likelihood(answer, group)).max(f64::MIN_POSITIVE).ln();
        }
        softmax(&mut self.belief);
    }

    /// The bits that are missing to know the group.
    pub fn entropy(&self) -> f64 {
        entropy(self.belief.iter().copied())
    }

    /// The `n` topics out of `open` whose answers together tell most, best first; equals in the order given.
    pub fn ask(&self, topics: &[Topic], open: &[usize], n: usize) -> Vec<Asked> {
        let start = vec![self.belief.clone()];
        let mut open: Vec<(usize, f64)> = open.iter().map(|&topic| (topic, gain(&topics[topic], &start))).collect();
        open.sort_by(|a, b| b.1.total_cmp(&a.1));
        open.truncate(SHORTLIST.max(n));
        let mut combinations = start;
        let mut asked = Vec::new();
        while asked.len() < n && !open.is_empty() {
            if !asked.is_empty() {
                open.iter_mut().for_each(|(topic, bits)| *bits = gain(&topics[*topic], &combinations));
            }
            let best = (1..open.len()).fold(0, |best, at| if open[at].1 > open[best].1 { at } else { best });
            let (topic, bits) = open.remove(best);
            asked.push(Asked { topic, bits: bits.max(0.0) });
            combinations = followed(&topics[topic], &combinations);
        }
        asked
    }
}

/// The information that a topic's answer adds where each combination of answers so far, with its groups' weights, may be:
/// `Σ_combination P · (H(answer | combination) − Σ_g P(g | combination) · H(answer | g))`.
fn gain(topic: &Topic, combinations: &[Vec<f64>]) -> f64 {
    let given_group: Vec<f64> = (0..topic.shares.len())
        .map(|group| entropy(Answer::ALL.iter().map(|answer| topic.likelihood(*answer, group))))
        .collect();
    let of_combination = |weights: &Vec<f64>| {
        let total: f64 = weights.iter().sum();
        let chance = |answer: &Answer| {
            weights.iter().enumerate().map(|(group, weight)| weight * topic.likelihood(*answer, group)).sum::<f64>()
        };
        let answers = total * entropy(Answer::ALL.iter().map(|answer| chance(answer) / total));
        answers - weights.iter().zip(&given_group).map(|(weight, bits)| weight * bits).sum::<f64>()
    };
    combinations.iter().map(of_combination).sum()
}

/// Each combination with each answer to this topic behind it; the likeliest, scaled up for those that are left out.
fn followed(topic: &Topic, combinations: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let with = |weights: &Vec<f64>, answer: Answer| -> Vec<f64> {
        weights.iter().enumerate().map(|(group, weight)| weight * topic.likelihood(answer, group)).collect()
    };
    let mut next: Vec<Vec<f64>> =
        combinations.iter().flat_map(|weights| Answer::ALL.map(|answer| with(weights, answer))).collect();
    if next.len() > COMBINATIONS_MAX {
        next.sort_by(|a, b| b.iter().sum::<f64>().total_cmp(&a.iter().sum::<f64>()));
        next.truncate(COMBINATIONS_MAX);
        let kept: f64 = next.iter().flatten().sum();
        next.iter_mut().flatten().for_each(|weight| *weight /= kept);
    }
    next
}

/// In bits.
fn entropy(chances: impl Iterator<Item = f64>) -> f64 {
    chances.filter(|p| *p > 0.0).map(|p| -p * p.log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three groups as large as one another: of the first everybody but few has item 0, of the second item 1.
    fn three() -> (Population, Vec<Topic>) {
        let shares: [&[f32]; 4] = [&[0.9, 0.1, 0.1], &[0.1, 0.9, 0.1], &[0.9, 0.1, 0.1], &[0.5, 0.5, 0.5]];
        let third = 1.0 / 3.0;
        let population = Population::of(&[third, third, third], &shares);
        let topics = population.items().map(|(_, shares)| Topic::product(shares)).collect();
        (population, topics)
    }

    fn close(got: f64, wanted: f64) -> bool {
        (got - wanted).abs() < 1e-6
    }

    #[test]
    fn belief_and_information_by_hand() {
        let (population, topics) = three();
        let mut interview = Interview::begin(&population);
        assert!(close(interview.entropy(), 3f64.log2()));
        // Answers to item 0: like 0.63 in the first group and 0.07 in the others, dislike 0.021 and 0.189, the rest unknown.
        let h = |p: [f64; 3]| -> f64 { p.iter().map(|p| -p * p.log2()).sum() };
        let mean = [(0.63 + 0.14) / 3.0, (0.021 + 0.378) / 3.0, (0.349 + 2.0 * 0.741) / 3.0];
        let wanted = h(mean) - (h([0.63, 0.021, 0.349]) + 2.0 * h([0.07, 0.189, 0.741])) / 3.0;
        let asked = interview.ask(&topics, &[3, 2, 1, 0], 4);
        assert!(close(asked[0].bits, wanted), "{asked:?}, wanted {wanted}");
        // 2 and 1 tell as much alone; after 2, item 0 is the same question again, and item 3 tells nothing.
        let order: Vec<usize> = asked.iter().map(|asked| asked.topic).collect();
        assert_eq!(order[..2], [2, 1]);
        assert!(asked[3].topic == 3 && close(asked[3].bits, 0.0), "{asked:?}");
        // 0.63 : 0.07 : 0.07
        interview.hear(&topics[0], Answer::Like);
        assert!(close(interview.belief()[0], 9.0 / 11.0) && close(interview.belief()[2], 1.0 / 11.0));
        // 9 · 0.021 : 0.189 : 0.189 after a change of mind.
        interview.hear(&topics[0], Answer::Dislike);
        assert!(interview.belief().iter().all(|belief| close(*belief, 1.0 / 3.0)), "{interview:?}");
    }

    #[test]
    fn another_answer_leads_to_another_question() {
        // Item 0 parts the groups in two halves; 1 parts the first half, 2 the second.
        let shares: [&[f32]; 3] = [&[0.9, 0.9, 0.1, 0.1], &[0.9, 0.1, 0.5, 0.5], &[0.5, 0.5, 0.9, 0.1]];
        let population = Population::of(&[0.25; 4], &shares);
        let topics: Vec<Topic> = population.items().map(|(_, shares)| Topic::product(shares)).collect();
        let next = |answer| {
            let mut interview = Interview::begin(&population);
            assert_eq!(interview.ask(&topics, &[0, 1, 2], 1)[0].topic, 0);
            interview.hear(&topics[0], answer);
            interview.ask(&topics, &[1, 2], 1)[0].topic
        };
        assert_eq!((next(Answer::Like), next(Answer::Dislike)), (1, 2));
    }

    #[test]
    fn a_category_is_liked_by_whoever_has_one_of_its_products() {
        let shares: [&[f32]; 2] = [&[0.5, 0.1], &[0.5, 0.2]];
        let category = Topic::category(shares.into_iter()).unwrap();
        assert!(close(category.shares[0], 0.75) && close(category.shares[1], 0.28), "{category:?}");
        assert_eq!(Topic::category(std::iter::empty()), None);
    }
}
