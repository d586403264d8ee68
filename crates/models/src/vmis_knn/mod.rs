//! What people with a similar session went on to.
//!
//! VMIS-kNN: Kersbergen, Sprangers & Schelter, *Serenade – Low-Latency Session-Based Recommendation in e-Commerce at
//! Scale* (SIGMOD 2022), an index for the session kNN of Jannach & Ludewig, *When Recurrent Neural Networks meet the
//! Neighborhood for Session-Based Recommendation* (RecSys 2017, `vs-knn`: `position=linear`, `match_slope=0.1`,
//! `distance_scale=0`, `match_idf=0`, `returns=neighbours`). Weights after Garg et al., *Sequence and Time Aware Neighborhood for
//! Session-based Recommendations: STAN* (SIGIR 2019: `position=exponential`, `similarity=cosine`, `half_life_days`,
//! `distance_scale`, `match_idf=0`, `idf=0`) and Ludewig et al., *Empirical Analysis of Session-Based Recommendation Algorithms*
//! (UMUAI 2021, `vstan`: the same with `idf=1`).
//!
//! Ours is what happens to products of the session itself. People come back to them more often than the votes of
//! neighbours can tell; the chance is counted as well, see [`returns`].

mod index;
mod returns;

use std::sync::{Mutex, PoisonError};

use self::index::{MAX_MATCHES, Match, Near, SessionIndex};
use crate::model::by_size;
use crate::options::{OptionSpec, Range};
use crate::rank::Best;
use crate::ranking::Sums;
use crate::sessions::{GAP_MINUTES, sessions};
use crate::{
    Contribution, Error, FitContext, History, HistoryItem, Model, Neighbour, Options, Ranking, Result, Tensors,
    TrainingData, decay,
};

pub const NAME: &str = "vmis-knn";
pub const ABOUT: &str = "what people with a similar session went on to";

pub const OPTIONS: &[OptionSpec] = &[
    OptionSpec::count("sessions", 1000, 1, 1_000_000, "most recent sessions with a product of the history to look at")
        .search(Range::Log(100.0, 5000.0)),
    OptionSpec::count("neighbours", 500, 1, 1_000_000, "most similar ones of them that vote").search(Range::Log(50.0, 2000.0)),
    GAP_MINUTES,
    OptionSpec::count(
        "session_length",
        100,
        2,
        10_000,
        "latest events of a session that count; longer ones are robots'",
    ),
    OptionSpec::count("history_length", 10, 1, MAX_MATCHES, "latest events of the history that look for sessions"),
    OptionSpec::choice(
        "position",
        "exponential",
        &["exponential", "linear"],
        "how products count less the further back they lie in the history: e^(-steps / position_scale), or evenly down to 0",
    ),
    OptionSpec::number(
        "position_scale",
        2.0,
        0.01,
        1e6,
        "exponential only: steps back after which a product counts 1/e",
    )
    .search(Range::Log(0.5, 10.0)),
    OptionSpec::choice(
        "similarity",
        "dot",
        &["dot", "cosine"],
        "of a session: the summed weights of shared products, or that over the root of the session's length",
    )
    .search(Range::Words),
    OptionSpec::number(
        "half_life_days",
        0.0,
        0.0,
        3650.0,
        "days after which a session's vote counts half; 0 means never",
    )
    .search(Range::Log(7.0, 3650.0)),
    OptionSpec::number(
        "match_slope",
        0.0,
        0.0,
        1.0,
        "share of its vote that a session loses for each step from the history's end to the first product they share",
    ),
    OptionSpec::number(
        "distance_scale",
        3.0,
        0.0,
        1e6,
        "steps from the shared product, within the session that votes, after which a product counts 1/e; 0 for all alike",
    )
    .search(Range::Log(0.5, 20.0)),
    OptionSpec::number(
        "match_idf",
        1.0,
        0.0,
        4.0,
        "exponent of a shared product's log inverse share of sessions: what is rare says more of who is similar",
    )
    .search(Range::Linear(0.0, 2.0)),
    OptionSpec::number(
        "idf",
        1.0,
        0.0,
        4.0,
        "exponent of a product's log inverse share of sessions: favours rare products",
    )
    .search(Range::Linear(0.0, 2.0)),
    OptionSpec::choice(
        "returns",
        "learned",
        &["learned", "neighbours"],
        "products of the session itself: votes and how often people come back to that place of a session, or votes alone",
    ),
];

/// Sessions by product; a history is scored by the votes of similar sessions.
pub struct VmisKnn {
    options: Options,
    settings: Settings,
    index: SessionIndex,
    /// Working memory of queries that have ended, for those to come.
    idle: Mutex<Vec<Scratch>>,
    sums: Sums,
}

/// Options, read once.
struct Settings {
    n_recent: usize,
    n_neighbours: usize,
    session_length: usize,
    history_length: usize,
    is_linear: bool,
    position_scale: f32,
    is_cosine: bool,
    half_life_days: f32,
    match_slope: f32,
    /// By steps from the shared product.
    distances: Vec<f32>,
    match_idf: f32,
    idf: f32,
    learns_returns: bool,
}

impl Settings {
    fn new(options: &Options) -> Self {
        let scale = options.number("distance_scale") as f32;
        // Where a session meets the history is where it comes from, not where it goes.
        let distance = |steps: usize| match steps {
            _ if scale == 0.0 => 1.0,
            0 => 0.0,
            _ => (-((steps - 1) as f32) / scale).exp(),
        };
        let session_length = options.count("session_length");
        Self {
            n_recent: options.count("sessions"),
            n_neighbours: options.count("neighbours"),
            session_length,
            history_length: options.count("history_length"),
            is_linear: options.word("position") == "linear",
            position_scale: options.number("position_scale") as f32,
            is_cosine: options.word("similarity") == "cosine",
            half_life_days: options.number("half_life_days") as f32,
            match_slope: options.number("match_slope") as f32,
            distances: (0..session_length).map(distance).collect(),
            match_idf: options.number("match_idf") as f32,
            idf: options.number("idf") as f32,
            learns_returns: options.word("returns") == "learned",
        }
    }

    /// The latest events of a session that count.
    fn latest<'a, T>(&self, session: &'a [T]) -> &'a [T] {
        &session[session.len().saturating_sub(self.session_length)..]
    }
}

/// Working memory of one query.
#[derive(Default)]
struct Scratch {
    /// The history's known products, oldest first.
    session: Vec<u32>,
    matches: Vec<Match>,
    neighbours: Vec<Near>,
    /// Votes by product, all 0 between queries.
    votes: Vec<f32>,
    /// Products with votes.
    touched: Vec<u32>,
}

pub fn fit(data: &TrainingData<'_>, options: &Options, context: &FitContext<'_>) -> Result<VmisKnn> {
    let settings = Settings::new(options);
    let mut all: Vec<_> = sessions(data.interactions, options.count("gap_minutes")).collect();
    all.sort_by_key(|session| session.timestamp);
    context.step(NAME, 1, 2)?;
    let (mut starts, mut items) = (vec![0], Vec::with_capacity(data.interactions.n_interactions()));
    for session in &all {
        items.extend_from_slice(settings.latest(session.items));
        starts.push(items.len() as u32);
    }
    let owners = all.iter().map(|session| session.row).collect();
    let times = all.iter().map(|session| seconds(session.timestamp)).collect();
    let index = SessionIndex::new(data.interactions.n_items(), starts, items, owners, times);
    context.step(NAME, 2, 2)?;
    Ok(VmisKnn::new(options.clone(), settings, index))
}

/// A time as it is kept. What lies outside of 1970 to 2106 keeps its place in the order, only its age is off.
fn seconds(timestamp: i64) -> u32 {
    timestamp.clamp(0, i64::from(u32::MAX)) as u32
}

pub fn load(tensors: &Tensors, options: &Options) -> Result<VmisKnn> {
    let (_, n_items) = tensors.u32("n_items", 1)?;
    let (_, starts) = tensors.u32("starts", 1)?;
    let (_, items) = tensors.u32("items", 1)?;
    let (_, owners) = tensors.u32("owners", 1)?;
    let (_, times) = tensors.u32("times", 1)?;
    let in_order = starts.first() == Some(&0) && starts.windows(2).all(|w| w[0] <= w[1]);
    let complete = starts.len() == owners.len() + 1
        && owners.len() == times.len()
        && starts.last().map(|&n| n as usize) == Some(items.len());
    let n_items = n_items.first().map_or(0, |&n| n as usize);
    if !in_order || !complete || items.iter().any(|&item| item as usize >= n_items) {
        return Err(Error::Artifact("vmis-knn: `starts`, `items`, `owners` and `times` do not fit together".into()));
    }
    let index = SessionIndex::new(n_items, starts.to_vec(), items.to_vec(), owners.to_vec(), times.to_vec());
    Ok(VmisKnn::new(options.clone(), Settings::new(options), index))
}

impl VmisKnn {
    fn new(options: Options, settings: Settings, index: SessionIndex) -> Self {
        Self { options, settings, index, idle: Mutex::default(), sums: Sums::default() }
    }

    /// Counts a session that ended after training, as the latest one. `owner` is whose it is: a row of the training data,
    /// or a number that the caller gives to a newcomer.
    pub fn add_session(&mut self, owner: u32, items: &[HistoryItem]) {
        let known: Vec<u32> = self.known(items).collect();
        if let Some(last) = items.last() {
            self.index.add(owner, self.settings.latest(&known), seconds(last.timestamp));
        }
    }

    /// Forgets all sessions of an owner, as if they had never been. Returns how many there were.
    pub fn remove_sessions(&mut self, owner: u32) -> usize {
        self.index.remove(owner)
    }

    /// Sessions that can vote.
    pub fn n_sessions(&self) -> usize {
        self.index.n_live()
    }

    /// The best `n` products with their scores, best first: what [`Model::score`] says, without a row of all products.
    pub fn recommend(&self, history: &History<'_>, n: usize) -> Vec<(u32, f32)> {
        let mut best = Best::new(n);
        self.each_score(history, |item, score| best.push(item, score));
        best.into_sorted()
    }

    fn known<'a>(&self, items: &'a [HistoryItem]) -> impl Iterator<Item = u32> + use<'a> {
        let n_items = self.n_items();
        items.iter().filter(move |h| (h.item as usize) < n_items && h.weight > 0.0).map(|h| h.item)
    }

    /// Runs a query with working memory that others have used before.
    fn with_scratch<T>(&self, query: impl FnOnce(&mut Scratch) -> T) -> T {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let mut scratch = idle().pop().unwrap_or_default();
        scratch.votes.resize(self.n_items(), 0.0);
        let answer = query(&mut scratch);
        idle().push(scratch);
        answer
    }

    /// Calls `found` once with each product that can be scored.
    ///
    /// `score_j = r_j + (1 − Σ_i r_i) v_j / Σ v`: the chance `r` that the session comes back to one of its own products,
    /// and the chance that it goes on as its neighbours did, shared out by their votes `v`.
    fn each_score(&self, history: &History<'_>, mut found: impl FnMut(u32, f32)) {
        self.with_scratch(|scratch| {
            self.find_neighbours(history, scratch);
            self.vote(scratch);
            let scale = self.share_of_a_vote(scratch);
            let Scratch { session, votes, touched, .. } = scratch;
            touched.iter().for_each(|&item| votes[item as usize] *= scale);
            self.returns(session).for_each(|(item, rate)| add(votes, touched, item, rate));
            for item in touched.drain(..) {
                let score = std::mem::take(&mut votes[item as usize]);
                // Votes beyond the smallest number are none.
                if score > 0.0 {
                    found(item, score);
                }
            }
        });
    }

    /// The sessions that vote, with the weight of their vote as similarity.
    fn find_neighbours(&self, history: &History<'_>, scratch: &mut Scratch) {
        let settings = &self.settings;
        scratch.session.clear();
        scratch.session.extend(self.known(settings.latest(history.items)));
        let session = &scratch.session;
        let n_steps = session.len().min(settings.history_length);
        scratch.matches.clear();
        for (step, &item) in session.iter().rev().take(n_steps).enumerate() {
            if scratch.matches.iter().all(|found| found.item != item) {
                let weight = if settings.is_linear {
                    (n_steps - step) as f32 / n_steps as f32
                } else {
                    (-(step as f32) / settings.position_scale).exp()
                };
                scratch.matches.push(Match { item, weight: weight * self.idf(item, settings.match_idf) });
            }
        }
        self.index.most_recent(&scratch.matches, settings.n_recent, &mut scratch.neighbours);
        if settings.is_cosine || settings.half_life_days > 0.0 {
            for near in &mut scratch.neighbours {
                near.similarity *= self.session_weight(near, history.now);
            }
        }
        keep_most_similar(&mut scratch.neighbours, settings.n_neighbours);
    }

    /// What a session's similarity is multiplied with for its length and its age.
    fn session_weight(&self, near: &Near, now: i64) -> f32 {
        let n_items = self.index.session(near.session).len();
        let length = if self.settings.is_cosine { (n_items as f32).sqrt().recip() } else { 1.0 };
        length * decay(now.saturating_sub(i64::from(self.index.time(near.session))), self.settings.half_life_days)
    }

    fn vote(&self, scratch: &mut Scratch) {
        let Scratch { matches, neighbours, votes, touched, .. } = scratch;
        for near in neighbours.iter() {
            self.votes_of(near, matches).for_each(|(item, vote)| add(votes, touched, item, vote));
        }
        if self.settings.idf > 0.0 {
            touched.iter().for_each(|&item| votes[item as usize] *= self.idf(item, self.settings.idf));
        }
    }

    /// One neighbour's votes, a product as often as the session has it.
    fn votes_of<'a>(&'a self, near: &Near, matches: &[Match]) -> impl Iterator<Item = (u32, f32)> + use<'a> {
        let session = self.index.session(near.session);
        let shared = matches[near.first_match].item;
        let at = session.iter().rposition(|&item| item == shared).unwrap_or(0);
        let steps_back = near.first_match as f32;
        let weight = near.similarity * (1.0 - self.settings.match_slope * steps_back).max(0.0);
        let distances = &self.settings.distances;
        session.iter().enumerate().map(move |(position, &item)| (item, weight * distances[position.abs_diff(at)]))
    }

    /// Adds a neighbour's vote to the products it shares with the history, by their part of the similarity.
    fn share_among_matches(&self, near: &Near, matches: &[Match], vote: f32, shares: &mut [f32]) {
        let session = self.index.session(near.session);
        let weight = |found: &Match| if session.contains(&found.item) { found.weight } else { 0.0 };
        let sum: f32 = matches.iter().map(weight).sum();
        shares.iter_mut().zip(matches).for_each(|(share, found)| *share += vote * weight(found) / sum);
    }

    /// A product's log inverse share of sessions, to a power.
    fn idf(&self, item: u32, power: f32) -> f32 {
        match power {
            0.0 => 1.0,
            1.0 => self.index.idf(item),
            _ => self.index.idf(item).max(0.0).powf(power),
        }
    }

    /// The session's latest products with the chance of a return.
    fn returns(&self, session: &[u32]) -> impl Iterator<Item = (u32, f32)> {
        let rates = self.settings.learns_returns.then(|| self.index.returns().rates(session));
        rates.into_iter().flatten().filter(|&(_, rate)| rate > 0.0)
    }

    /// What one vote adds to a score.
    fn share_of_a_vote(&self, scratch: &Scratch) -> f32 {
        // The chances of places are counted apart from each other, so their sum may reach 1; something new is never
        // impossible.
        const MIN_NEW: f32 = 0.1;
        let returning: f32 = self.returns(&scratch.session).map(|(_, rate)| rate).sum();
        let sum: f32 = scratch.touched.iter().map(|&item| scratch.votes[item as usize]).sum();
        if sum > 0.0 { (1.0 - returning).max(MIN_NEW) / sum } else { 0.0 }
    }
}

/// Adds a vote, and lists its product if it is the product's first.
fn add(votes: &mut [f32], touched: &mut Vec<u32>, item: u32, vote: f32) {
    let votes = &mut votes[item as usize];
    if *votes == 0.0 && vote > 0.0 {
        touched.push(item);
    }
    *votes += vote;
}

/// Cuts to the `n` most similar sessions, the later one of equals. The given order is latest first.
fn keep_most_similar(neighbours: &mut Vec<Near>, n: usize) {
    if neighbours.len() > n {
        neighbours.select_nth_unstable_by(n - 1, |a, b| {
            b.similarity.total_cmp(&a.similarity).then(b.session.cmp(&a.session))
        });
        neighbours.truncate(n);
    }
}

impl Model for VmisKnn {
    fn name(&self) -> &'static str {
        NAME
    }

    fn n_items(&self) -> usize {
        self.index.n_items()
    }

    /// Products that no neighbour has cannot be scored.
    fn score(&self, history: &History<'_>, scores: &mut [f32]) {
        scores.fill(f32::NEG_INFINITY);
        self.each_score(history, |item, score| scores[item as usize] = score);
    }

    fn rank<'a>(&'a self, history: &History<'_>) -> Box<dyn Ranking + 'a> {
        let mut scored = Vec::new();
        self.each_score(history, |item, score| scored.push((item, score)));
        Box::new(self.sums.of(self.n_items(), scored.into_iter()))
    }

    /// A neighbour votes because of the products it shares with the history, each by its part of the similarity; the
    /// chance of a return is a contribution of its own.
    fn explain(&self, history: &History<'_>, item: u32) -> Vec<Contribution> {
        if item as usize >= self.n_items() {
            return Vec::new();
        }
        let because = |source, value| Contribution { model: NAME, item: Some(source), value };
        self.with_scratch(|scratch| {
            self.find_neighbours(history, scratch);
            self.vote(scratch);
            let scale = self.share_of_a_vote(scratch) * self.idf(item, self.settings.idf);
            scratch.touched.drain(..).for_each(|touched| scratch.votes[touched as usize] = 0.0);
            let mut shares = vec![0.0; scratch.matches.len()];
            for near in &scratch.neighbours {
                let votes = self.votes_of(near, &scratch.matches).filter(|&(voted, _)| voted == item);
                let votes: f32 = votes.map(|(_, vote)| vote).sum();
                if votes > 0.0 {
                    self.share_among_matches(near, &scratch.matches, votes * scale, &mut shares);
                }
            }
            let returns = self.returns(&scratch.session).filter(|&(own, _)| own == item);
            let shares = scratch.matches.iter().map(|source| source.item).zip(shares);
            let all = shares.chain(returns).filter(|&(_, value)| value > 0.0);
            by_size(all.map(|(source, value)| because(source, value)).collect())
        })
    }

    /// What a session that has only seen `item` goes on to.
    fn neighbours(&self, item: u32, n: usize) -> Vec<Neighbour> {
        let seen = [HistoryItem { item, weight: 1.0, timestamp: 0 }];
        // A vote loses the same share for age wherever "now" lies.
        let list = self.recommend(&History { items: &seen, now: 0 }, n.saturating_add(1));
        let others = list.into_iter().filter(|&(other, _)| other != item).take(n);
        others.map(|(item, similarity)| Neighbour { item, similarity }).collect()
    }

    fn tensors(&self) -> Tensors {
        let (mut starts, mut items, mut owners, mut times) = (vec![0], Vec::new(), Vec::new(), Vec::new());
        for session in self.index.live() {
            items.extend_from_slice(self.index.session(session));
            starts.push(items.len() as u32);
            owners.push(self.index.owner(session));
            times.push(self.index.time(session));
        }
        Tensors::new(NAME, self.options.clone())
            .with_u32("n_items", &[1], vec![self.n_items() as u32])
            .with_u32("starts", &[starts.len()], starts)
            .with_u32("items", &[items.len()], items)
            .with_u32("owners", &[owners.len()], owners)
            .with_u32("times", &[times.len()], times)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Interaction, Interactions, catalogue};

    /// Sessions oldest first.
    fn log(sessions: &[&[u32]]) -> Interactions {
        let cells = sessions.iter().enumerate().flat_map(|(row, items)| {
            items.iter().map(move |&item| Interaction { user: row as u32, item, weight: 1.0, timestamp: row as i64 })
        });
        Interactions::new(sessions.len(), 10, &cells.collect::<Vec<_>>()).unwrap()
    }

    fn model(sessions: &[&[u32]], options: &[(&str, &str)]) -> VmisKnn {
        let options = catalogue::find(NAME).unwrap().options(options).unwrap();
        fit(&TrainingData::new(&log(sessions)), &options, &FitContext::quiet(0)).unwrap()
    }

    fn session(items: &[u32]) -> Vec<HistoryItem> {
        items.iter().map(|&item| HistoryItem { item, weight: 1.0, timestamp: 0 }).collect()
    }

    fn recommended(model: &VmisKnn, items: &[u32]) -> Vec<(u32, f32)> {
        model.recommend(&History { items: &session(items), now: 0 }, 10)
    }

    #[test]
    fn votes_by_hand() {
        let off = [("distance_scale", "0"), ("match_idf", "0"), ("idf", "0")];
        let vs_knn = [&off[..], &[("position", "linear"), ("returns", "neighbours")]].concat();
        let model = model(&[&[1, 2, 3], &[2, 4], &[5, 6]], &vs_knn);
        // Of [1, 2], 2 weighs 1 and 1 weighs ½: the first session is 1½ near and the second 1.
        let scale = 1.0 / (3.0 * 1.5 + 2.0);
        let wanted = [(2, 2.5 * scale), (1, 1.5 * scale), (3, 1.5 * scale), (4, scale)];
        assert_eq!(recommended(&model, &[1, 2]), wanted);
    }

    #[test]
    fn only_the_latest_and_the_nearest_sessions_vote() {
        let sessions: [&[u32]; 3] = [&[1, 2, 3], &[1, 4], &[2, 5]];
        let items = |options: &[(&str, &str)]| {
            let options = [options, &[("returns", "neighbours")]].concat();
            recommended(&model(&sessions, &options), &[1, 2]).iter().map(|(item, _)| *item).collect::<Vec<_>>()
        };
        assert_eq!(items(&[("sessions", "1")]), [5]);
        assert_eq!(items(&[("neighbours", "1")]), [3, 1], "two shared products beat one");
        assert_eq!(items(&[]).len(), 4);
    }

    #[test]
    fn products_near_the_shared_one_get_more_of_the_vote() {
        let list = recommended(&model(&[&[1, 2, 3, 4], &[9, 8]], &[]), &[1]);
        assert_eq!(list.iter().map(|(item, _)| *item).collect::<Vec<_>>(), [2, 3, 4]);
    }

    #[test]
    fn people_come_back() {
        let sessions: [&[u32]; 4] = [&[1, 2, 1], &[3, 4, 3], &[5, 6, 5], &[7, 8, 9]];
        let list = recommended(&model(&sessions, &[]), &[0, 8]);
        // Of the four who had seen two products, three went back to the first; one more is counted against it.
        assert_eq!(list[0], (0, 3.0 / 5.0), "though no neighbour knows 0");
        let mut new: Vec<u32> = list[1..].iter().map(|(item, _)| *item).collect();
        new.sort_unstable();
        assert_eq!(new, [7, 9], "what stands beside 8");
    }

    #[test]
    fn added_and_removed_sessions_count_as_in_a_rebuild() {
        let first: [&[u32]; 4] = [&[1, 2, 3], &[2, 4, 2], &[1, 5, 1, 2], &[4, 6]];
        let later: [&[u32]; 3] = [&[1, 2, 6, 1], &[7], &[2, 4, 8]];
        let mut grown = model(&first, &[]);
        for (number, items) in later.iter().enumerate() {
            let owner = first.len() + number;
            let items: Vec<_> = session(items).iter().map(|h| HistoryItem { timestamp: owner as i64, ..*h }).collect();
            grown.add_session(owner as u32, &items);
        }
        let same = |grown: &VmisKnn, sessions: &[&[u32]]| {
            let rebuilt = model(sessions, &[]);
            for history in [&[1][..], &[2, 1], &[4, 4, 2], &[7], &[]] {
                assert_eq!(recommended(grown, history), recommended(&rebuilt, history), "after {history:?}");
            }
            assert_eq!(grown.n_sessions(), rebuilt.n_sessions());
        };
        same(&grown, &[&first[..], &later].concat());
        assert_eq!((grown.remove_sessions(1), grown.remove_sessions(4), grown.remove_sessions(99)), (1, 1, 0));
        same(&grown, &[first[0], first[2], first[3], later[1], later[2]]);
        let saved = grown.tensors();
        assert_eq!(saved.u32("owners", 1).unwrap().1, [0, 2, 3, 5, 6], "what is removed is not saved");
        same(&load(&saved, &grown.options).unwrap(), &[first[0], first[2], first[3], later[1], later[2]]);
    }
}
