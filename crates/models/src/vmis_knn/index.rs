//! Sessions in order of time and, for each product, the sessions that have it.
//!
//! The sessions of training are a frozen base in compressed rows. Sessions that come later are appended, and listed by
//! product in a small map beside the base; removed ones are marked and skipped. Either way queries see what a rebuilt
//! index would show them.

use std::collections::BTreeMap;

use super::returns::Returns;

/// A session of the index by number; a larger number is a later session.
pub(super) type SessionNumber = u32;

/// Products of a query that look for sessions.
pub(super) const MAX_MATCHES: usize = 50;

pub(super) struct SessionIndex {
    /// Of session s the products are `items[starts[s]..starts[s + 1]]`, in order, repeats kept.
    starts: Vec<u32>,
    items: Vec<u32>,
    owners: Vec<u32>,
    times: Vec<u32>,
    is_removed: Vec<bool>,
    /// Of product i the sessions in the base are `posted[post_starts[i]..post_starts[i + 1]]`, oldest first.
    post_starts: Vec<u32>,
    posted: Vec<SessionNumber>,
    recent: BTreeMap<u32, Vec<SessionNumber>>,
    /// Sessions of each product, removed ones not counted, and the logarithm of that.
    n_with: Vec<u32>,
    log_n_with: Vec<f32>,
    n_live: usize,
    returns: Returns,
}

/// A product of the query and what it adds to the similarity of a session that has it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Match {
    pub item: u32,
    pub weight: f32,
}

/// A session that shares a product with the query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Near {
    pub session: SessionNumber,
    pub similarity: f32,
    /// Position of the first match that it has, in the order of the query's matches.
    pub first_match: usize,
}

impl SessionIndex {
    /// Sessions oldest first; products within a session in order, and below `n_items`.
    pub fn new(n_items: usize, starts: Vec<u32>, items: Vec<u32>, owners: Vec<u32>, times: Vec<u32>) -> Self {
        let n_live = owners.len();
        let mut index = Self {
            starts,
            items,
            owners,
            times,
            is_removed: vec![false; n_live],
            post_starts: vec![0; n_items + 1],
            posted: Vec::new(),
            recent: BTreeMap::new(),
            n_with: vec![0; n_items],
            log_n_with: vec![0.0; n_items],
            n_live,
            returns: Returns::new(),
        };
        index.post();
        index
    }

    fn post(&mut self) {
        const NONE: u32 = u32::MAX;
        let mut latest = vec![NONE; self.n_items()];
        for session in 0..self.n_live as u32 {
            let items = &self.items[self.range(session)];
            for &item in items {
                let is_new = std::mem::replace(&mut latest[item as usize], session) != session;
                self.n_with[item as usize] += u32::from(is_new);
            }
            self.returns.add(items);
        }
        for item in 0..self.n_items() {
            self.post_starts[item + 1] = self.post_starts[item] + self.n_with[item];
        }
        (0..self.n_items()).for_each(|item| self.log_n_with[item] = log(self.n_with[item]));
        latest.fill(NONE);
        let mut next = self.post_starts.clone();
        self.posted = vec![0; self.post_starts.last().map_or(0, |&n| n as usize)];
        for session in 0..self.n_live as u32 {
            for &item in &self.items[self.range(session)] {
                if std::mem::replace(&mut latest[item as usize], session) != session {
                    self.posted[next[item as usize] as usize] = session;
                    next[item as usize] += 1;
                }
            }
        }
    }

    pub fn n_items(&self) -> usize {
        self.n_with.len()
    }

    /// Sessions in the index, removed ones not counted.
    pub fn n_live(&self) -> usize {
        self.n_live
    }

    /// `log((sessions + 1) / sessions with the product)`.
    pub fn idf(&self, item: u32) -> f32 {
        log(self.n_live as u32 + 1) - self.log_n_with[item as usize]
    }

    fn count(&mut self, item: u32, change: impl Fn(u32) -> u32) {
        let n = change(self.n_with[item as usize]);
        self.n_with[item as usize] = n;
        self.log_n_with[item as usize] = log(n);
    }

    pub fn returns(&self) -> &Returns {
        &self.returns
    }

    pub fn session(&self, session: SessionNumber) -> &[u32] {
        &self.items[self.range(session)]
    }

    pub fn time(&self, session: SessionNumber) -> u32 {
        self.times[session as usize]
    }

    pub fn owner(&self, session: SessionNumber) -> u32 {
        self.owners[session as usize]
    }

    /// The sessions that have not been removed, oldest first.
    pub fn live(&self) -> impl Iterator<Item = SessionNumber> + '_ {
        (0..self.owners.len() as u32).filter(|&session| !self.is_removed[session as usize])
    }

    fn range(&self, session: SessionNumber) -> std::ops::Range<usize> {
        self.starts[session as usize] as usize..self.starts[session as usize + 1] as usize
    }

    /// Appends a session as the latest one.
    pub fn add(&mut self, owner: u32, items: &[u32], time: u32) {
        let number = self.owners.len() as u32;
        self.items.extend_from_slice(items);
        self.starts.push(self.items.len() as u32);
        self.owners.push(owner);
        self.times.push(time);
        self.is_removed.push(false);
        self.n_live += 1;
        for item in distinct(items) {
            self.recent.entry(item).or_default().push(number);
            self.count(item, |n| n + 1);
        }
        self.returns.add(items);
    }

    /// Forgets all sessions of an owner; their products are overwritten. Returns how many there were.
    pub fn remove(&mut self, owner: u32) -> usize {
        let sessions: Vec<SessionNumber> = self.live().filter(|&s| self.owners[s as usize] == owner).collect();
        for &session in &sessions {
            let range = self.range(session);
            let items = self.items[range.clone()].to_vec();
            self.returns.remove(&items);
            distinct(&items).into_iter().for_each(|item| self.count(item, |n| n - 1));
            self.items[range].fill(0);
            self.is_removed[session as usize] = true;
        }
        self.n_live -= sessions.len();
        sessions.len()
    }

    /// The `n` most recent sessions that have a product of the query, latest first, with the summed weights of the
    /// products they share. The lists are read together from their ends, so the scan stops at the n-th session.
    pub fn most_recent(&self, matches: &[Match], n: usize, near: &mut Vec<Near>) {
        const LISTS: usize = 2 * MAX_MATCHES;
        // One above the next session of each list, 0 where it has ended.
        let mut heads = [0u32; LISTS];
        let mut lists: [(&[SessionNumber], usize); LISTS] = [(&[], 0); LISTS];
        let mut n_lists = 0;
        for (position, found) in matches.iter().enumerate() {
            for list in [self.base_list(found.item), self.recent_list(found.item)] {
                if let Some(&last) = list.last() {
                    heads[n_lists] = last + 1;
                    lists[n_lists] = (list, position);
                    n_lists += 1;
                }
            }
        }
        let (heads, lists) = (&mut heads[..n_lists], &mut lists[..n_lists]);
        near.clear();
        while near.len() < n {
            let newest = heads.iter().fold(0, |newest, &head| head.max(newest));
            if newest == 0 {
                break;
            }
            let mut found = Near { session: newest - 1, similarity: 0.0, first_match: usize::MAX };
            for (head, (list, position)) in heads.iter_mut().zip(lists.iter_mut()).filter(|(head, _)| **head == newest)
            {
                found.similarity += matches[*position].weight;
                found.first_match = found.first_match.min(*position);
                *list = &list[..list.len() - 1];
                *head = list.last().map_or(0, |session| session + 1);
            }
            if !self.is_removed[found.session as usize] {
                near.push(found);
            }
        }
    }

    fn base_list(&self, item: u32) -> &[SessionNumber] {
        &self.posted[self.post_starts[item as usize] as usize..self.post_starts[item as usize + 1] as usize]
    }

    fn recent_list(&self, item: u32) -> &[SessionNumber] {
        self.recent.get(&item).map_or(&[], Vec::as_slice)
    }
}

/// The logarithm of a number of sessions; none counts as one.
fn log(n: u32) -> f32 {
    (n.max(1) as f32).ln()
}

fn distinct(items: &[u32]) -> Vec<u32> {
    let mut items = items.to_vec();
    items.sort_unstable();
    items.dedup();
    items
}
