use crate::{Error, Interactions, Options, Result, Tensors, rank};

/// People who are looked at; more don't move the shares of a group by much.
const PEOPLE_MAX: usize = 20_000;
/// Products that groups are told apart by: those that most people have. A newcomer recognises no others.
const ITEMS_MAX: usize = 5_000;
/// A group of fewer people is dissolved: its shares would say what single persons did.
const GROUP_PEOPLE_MIN: f64 = 10.0;
/// People with everybody's tastes who are added to each group, so that no share is 0.
const PRIOR_PEOPLE: f64 = 2.0;
/// Products of one person that count in full: whoever has more is no surer of a group than this many make them.
const EVIDENCE_MAX: f64 = 20.0;
const ROUNDS: usize = 30;

/// Taste groups of a shop's people, as shares: no person's row is in it.
///
/// A mixture of unigrams (Nigam, McCallum, Thrun, Mitchell, *Machine Learning* 39, 2000) fitted by expectation
/// maximisation, what a person has counting once each. What is kept of a group is its size, and for each known product the
/// share of its people who have it.
#[derive(Debug, Clone, PartialEq)]
pub struct Population {
    n_items: usize,
    /// Share of the people in each group; adds up to 1.
    groups: Vec<f32>,
    /// The products that groups are told apart by, most widespread first.
    items: Vec<u32>,
    /// `items × groups`: the share of the group's people who have the item, above 0 and below 1.
    shares: Vec<f32>,
}

const NAME: &str = "population";

impl Population {
    /// Groups that a population has when nobody says how many: the better of 8 and 16 on validation (`bench/onboarding`).
    pub const GROUPS: usize = 16;

    /// At most `groups_max` groups; `None` when there are too few people for one.
    pub fn fit(interactions: &Interactions, groups_max: usize, seed: u64) -> Option<Self> {
        let stride = interactions.n_users().div_ceil(PEOPLE_MAX).max(1);
        let people: Vec<usize> = (0..interactions.n_users()).step_by(stride).collect();
        let items = widespread(interactions, &people);
        let rows = numbered(interactions, &people, &items);
        if (rows.len() as f64) < 2.0 * GROUP_PEOPLE_MIN || items.is_empty() {
            return None;
        }
        Some(Mixture::fit(&rows, items.len(), groups_max, seed).into_population(interactions.n_items(), items))
    }

    pub fn n_items(&self) -> usize {
        self.n_items
    }

    /// The size of each group, as a share of the people.
    pub fn groups(&self) -> &[f32] {
        &self.groups
    }

    /// The known products, most widespread first, each with the share of every group's people who have it.
    pub fn items(&self) -> impl ExactSizeIterator<Item = (u32, &[f32])> {
        self.items.iter().copied().zip(self.shares.chunks_exact(self.groups.len()))
    }

    /// The chance that somebody with this belief over the groups has each item; 0 for the items that groups don't know.
    pub fn expect(&self, belief: &[f64], scores: &mut [f32]) {
        scores.fill(0.0);
        for (item, shares) in self.items() {
            scores[item as usize] = dot(belief, shares) as f32;
        }
    }

    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let n_groups = self.groups.len();
        Tensors::new(NAME, Options::default())
            .with_u32("n_items", &[1], vec![self.n_items as u32])
            .with_f32("groups", &[n_groups], self.groups.clone())
            .with_u32("items", &[self.items.len()], self.items.clone())
            .with_f32("shares", &[self.items.len(), n_groups], self.shares.clone())
            .to_bytes()
    }

    /// # Errors
    /// When the file is damaged or its parts don't fit together.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let tensors = Tensors::from_bytes(bytes)?;
        let (_, n_items) = tensors.u32("n_items", 1)?;
        let (_, groups) = tensors.f32("groups", 1)?;
        let (_, items) = tensors.u32("items", 1)?;
        let (shape, shares) = tensors.f32("shares", 2)?;
        let n_items = n_items.first().map_or(0, |n| *n as usize);
        let is_share = |x: &f32| *x > 0.0 && *x < 1.0;
        let fits = shape == [items.len(), groups.len()]
            && !groups.is_empty()
            && groups.iter().all(|x| *x > 0.0 && *x <= 1.0)
            && shares.iter().all(is_share)
            && items.iter().all(|item| (*item as usize) < n_items);
        if tensors.model != NAME || !fits {
            let got =
                format!("{} with {} groups, {} items, shares {shape:?}", tensors.model, groups.len(), items.len());
            return Err(Error::Artifact(format!("got {got}, wanted a {NAME} whose parts fit together")));
        }
        Ok(Self { n_items, groups: groups.to_vec(), items: items.to_vec(), shares: shares.to_vec() })
    }

    /// From shares that are known, `items × groups`.
    #[cfg(test)]
    pub(super) fn of(groups: &[f32], shares: &[&[f32]]) -> Self {
        let items = (0..shares.len() as u32).collect();
        Self { n_items: shares.len(), groups: groups.to_vec(), items, shares: shares.concat() }
    }
}

pub(super) fn dot(belief: &[f64], shares: &[f32]) -> f64 {
    belief.iter().zip(shares).map(|(weight, share)| weight * f64::from(*share)).sum()
}

/// The items that most of these people have, most widespread first.
fn widespread(interactions: &Interactions, people: &[usize]) -> Vec<u32> {
    let mut n_people = vec![0.0f32; interactions.n_items()];
    for &person in people {
        for item in distinct(interactions.row(person).items) {
            n_people[item as usize] += 1.0;
        }
    }
    let enough = |&(_, n): &(u32, f32)| f64::from(n) >= GROUP_PEOPLE_MIN;
    rank::top_k(&n_people, ITEMS_MAX).into_iter().take_while(enough).map(|(item, _)| item).collect()
}

fn distinct(items: &[u32]) -> Vec<u32> {
    let mut items = items.to_vec();
    items.sort_unstable();
    items.dedup();
    items
}

/// What each person has, as places in `items`; people who have none of them are left out.
fn numbered(interactions: &Interactions, people: &[usize], items: &[u32]) -> Vec<Vec<u32>> {
    let mut place = vec![u32::MAX; interactions.n_items()];
    for (at, &item) in (0..).zip(items) {
        place[item as usize] = at;
    }
    let row = |&person: &usize| -> Vec<u32> {
        distinct(interactions.row(person).items)
            .into_iter()
            .map(|item| place[item as usize])
            .filter(|at| *at != u32::MAX)
            .collect()
    };
    people.iter().map(row).filter(|row| !row.is_empty()).collect()
}

/// The fit's state: for each group how many people are in it, and how many of them have each item; both soft.
struct Mixture {
    n_people: Vec<f64>,
    /// `items × groups`
    n_having: Vec<f64>,
    /// Share of all people who have each item.
    overall: Vec<f64>,
}

impl Mixture {
    fn fit(rows: &[Vec<u32>], n_items: usize, groups_max: usize, seed: u64) -> Self {
        let mut overall = vec![0.0; n_items];
        rows.iter().flatten().for_each(|&item| overall[item as usize] += 1.0 / rows.len() as f64);
        let n_groups = groups_max.min((rows.len() as f64 / GROUP_PEOPLE_MIN / 2.0) as usize).max(1);
        let mut mixture = Self { n_people: vec![0.0; n_groups], n_having: vec![0.0; n_items * n_groups], overall };
        // Each group begins as the tastes of a few people dealt to it.
        let deal = |person: usize| splitmix(seed ^ person as u64) as usize % n_groups;
        let dealt: Vec<Vec<f64>> = (0..rows.len())
            .map(|person| (0..n_groups).map(|g| f64::from(u8::from(g == deal(person)))).collect())
            .collect();
        mixture.count(rows, &dealt);
        for _ in 0..ROUNDS {
            mixture.dissolve_small();
            let memberships = mixture.memberships(rows);
            mixture.count(rows, &memberships);
        }
        mixture.dissolve_small();
        mixture
    }

    /// The maximisation: counts from memberships, `people × groups`.
    fn count(&mut self, rows: &[Vec<u32>], memberships: &[Vec<f64>]) {
        let n_groups = self.n_people.len();
        self.n_people.fill(0.0);
        self.n_having.fill(0.0);
        for (row, membership) in rows.iter().zip(memberships) {
            add(&mut self.n_people, membership);
            for &item in row {
                add(&mut self.n_having[item as usize * n_groups..][..n_groups], membership);
            }
        }
    }

    /// The expectation: whose tastes each person's products look drawn from.
    fn memberships(&self, rows: &[Vec<u32>]) -> Vec<Vec<f64>> {
        let n_groups = self.n_people.len();
        let shares = self.shares();
        let mut totals = vec![0.0; n_groups];
        shares.chunks_exact(n_groups).for_each(|shares| add(&mut totals, shares));
        let logs: Vec<f64> = shares.iter().enumerate().map(|(i, share)| (share / totals[i % n_groups]).ln()).collect();
        let n_people: f64 = self.n_people.iter().sum();
        let membership = |row: &Vec<u32>| {
            let mut belief = vec![0.0; n_groups];
            row.iter().for_each(|&item| add(&mut belief, &logs[item as usize * n_groups..][..n_groups]));
            let temper = (EVIDENCE_MAX / row.len() as f64).min(1.0);
            belief.iter_mut().zip(&self.n_people).for_each(|(b, n)| *b = *b * temper + (n / n_people).ln());
            softmax(&mut belief);
            belief
        };
        rows.iter().map(membership).collect()
    }

    /// `items × groups`: the share of each group's people who have the item, with the prior's people among them.
    fn shares(&self) -> Vec<f64> {
        let n_groups = self.n_people.len();
        let share = |(i, n): (usize, &f64)| {
            (n + PRIOR_PEOPLE * self.overall[i / n_groups]) / (self.n_people[i % n_groups] + PRIOR_PEOPLE)
        };
        self.n_having.iter().enumerate().map(share).collect()
    }

    /// Takes groups of too few people out; one always stays.
    fn dissolve_small(&mut self) {
        let n_groups = self.n_people.len();
        let largest = (0..n_groups).max_by(|a, b| self.n_people[*a].total_cmp(&self.n_people[*b])).unwrap_or(0);
        let keep: Vec<bool> = (0..n_groups).map(|g| g == largest || self.n_people[g] >= GROUP_PEOPLE_MIN).collect();
        let kept = |values: &[f64]| -> Vec<f64> {
            values.iter().enumerate().filter(|(i, _)| keep[i % n_groups]).map(|(_, value)| *value).collect()
        };
        (self.n_people, self.n_having) = (kept(&self.n_people), kept(&self.n_having));
    }

    fn into_population(self, n_items: usize, items: Vec<u32>) -> Population {
        let n_people: f64 = self.n_people.iter().sum();
        Population {
            n_items,
            groups: self.n_people.iter().map(|n| (n / n_people) as f32).collect(),
            items,
            shares: self.shares().into_iter().map(|share| (share as f32).clamp(1e-6, 1.0 - 1e-6)).collect(),
        }
    }
}

fn add(sum: &mut [f64], values: &[f64]) {
    sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}

/// Logarithms to shares that add up to 1.
pub(super) fn softmax(logs: &mut [f64]) {
    let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    logs.iter_mut().for_each(|x| *x = (*x - most).exp());
    let total: f64 = logs.iter().sum();
    logs.iter_mut().for_each(|x| *x /= total);
}

/// Steele, Lea, Flood 2014.
fn splitmix(state: u64) -> u64 {
    let z = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Interaction;

    /// Two tastes of forty people each, and five hermits with a product of their own.
    fn shop() -> Interactions {
        let liked = |person: u32| match person {
            0..80 => (0..20)
                .filter(|item| item % 2 == person % 2 && !(item + person).is_multiple_of(7))
                .collect::<Vec<u32>>(),
            _ => vec![20],
        };
        let cell = |user, item| Interaction { user, item, weight: 1.0, timestamp: 0 };
        let cells: Vec<Interaction> =
            (0..85).flat_map(|user| liked(user).into_iter().map(move |item| cell(user, item))).collect();
        Interactions::new(85, 21, &cells).unwrap()
    }

    #[test]
    fn people_of_two_tastes_make_groups_of_one_taste_each() {
        let population = Population::fit(&shop(), Population::GROUPS, 1).unwrap();
        assert_eq!(population, Population::fit(&shop(), Population::GROUPS, 1).unwrap());
        assert!((population.groups().iter().sum::<f32>() - 1.0).abs() < 1e-6);
        for group in 0..population.groups().len() {
            let of = |parity: u32| -> f32 {
                population.items().filter(|(item, _)| item % 2 == parity).map(|(_, shares)| shares[group]).sum()
            };
            let (even, odd) = (of(0), of(1));
            assert!(even.max(odd) > 3.0 * even.min(odd), "group {group}: {even} and {odd}");
        }
        // What only five people have is nobody else's business.
        assert!(population.items().all(|(item, _)| item != 20));
        let mut scores = vec![f32::NAN; 21];
        population.expect(&vec![1.0 / population.groups().len() as f64; population.groups().len()], &mut scores);
        assert_eq!(scores[20], 0.0);
    }

    #[test]
    fn it_comes_back_from_its_file_or_says_why_not() {
        let population = Population::fit(&shop(), Population::GROUPS, 1).unwrap();
        let bytes = population.to_bytes().unwrap();
        assert_eq!(Population::from_bytes(&bytes).unwrap(), population);
        let broken = Population { items: vec![99; population.items.len()], ..population };
        let error = Population::from_bytes(&broken.to_bytes().unwrap()).unwrap_err().to_string();
        assert!(error.contains("wanted a population whose parts fit together"), "{error}");
    }

    #[test]
    fn a_handful_of_people_is_no_population() {
        let cell = |user| Interaction { user, item: 0, weight: 1.0, timestamp: 0 };
        let cells: Vec<Interaction> = (0..19).map(cell).collect();
        assert_eq!(Population::fit(&Interactions::new(19, 1, &cells).unwrap(), Population::GROUPS, 1), None);
    }
}
