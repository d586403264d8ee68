//! Profiles: visible at once, durable later, always the fold up to one position.

use std::{path::Path, sync::Arc, thread};

use domain::{Position, UserKey};
use serde::{Deserialize, Serialize};

use super::{fresh, sample::user};
use crate::Profiles;

/// Stands for whatever `features` folds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Sample {
    pub seen: u64,
    pub note: String,
}

pub type Open<'a> = &'a dyn Fn(&Path) -> Arc<dyn Profiles<Sample>>;

pub fn profiles(open: impl Fn(&Path) -> Arc<dyn Profiles<Sample>>) {
    fresh(|path| a_save_is_visible_at_once(&*open(path)));
    fresh(|path| profiles_and_position_become_durable_together(path, &open));
    fresh(|path| an_orderly_close_keeps_everything(path, &open));
    fresh(|path| an_erased_profile_is_gone(path, &open));
    fresh(|path| clearing_starts_from_the_beginning(path, &open));
    fresh(|path| readers_never_see_an_older_profile(&*open(path)));
}

fn sample(seen: u64) -> Arc<Sample> {
    Arc::new(Sample { seen, note: format!("note {seen}") })
}

fn save(profiles: &dyn Profiles<Sample>, users: impl IntoIterator<Item = u64>, seen: u64) {
    profiles.save(users.into_iter().map(|n| (user(n), sample(seen))).collect(), Position(seen)).expect("the save");
}

fn get(profiles: &dyn Profiles<Sample>, user: UserKey) -> Option<u64> {
    profiles.get(user).expect("the read").map(|profile| profile.seen)
}

fn a_save_is_visible_at_once(profiles: &dyn Profiles<Sample>) {
    assert_eq!((get(profiles, user(1)), profiles.len()), (None, 0));
    save(profiles, [1, 2], 1);
    save(profiles, [2, 3], 2);
    assert_eq!([1, 2, 3, 4].map(|n| get(profiles, user(n))), [Some(1), Some(2), Some(2), None]);
    assert_eq!(profiles.len(), 3);
    assert_eq!(profiles.recent(2), [user(3), user(2)]);
    assert_eq!(profiles.recent(10), [user(3), user(2), user(1)]);
    profiles.flush().expect("the flush");
    let mut all = [user(1), user(2), user(3)];
    all.sort_by_key(|user| user.0);
    assert_eq!(profiles.after(None, 10).expect("a page"), all);
    assert_eq!(profiles.after(None, 2).expect("a page"), all[..2]);
    assert_eq!(profiles.after(Some(all[1]), 2).expect("a page"), all[2..]);
}

fn profiles_and_position_become_durable_together(path: &Path, open: Open<'_>) {
    let profiles = open(path);
    assert_eq!(profiles.durable_position(), Position::START);
    save(&*profiles, 0..50, 10);
    profiles.flush().expect("the flush");
    assert_eq!(profiles.durable_position(), Position(10));
    // A position alone becomes durable too: events that change no profile need no replay.
    profiles.save(vec![], Position(11)).expect("the save");
    profiles.flush().expect("the flush");
    assert_eq!(profiles.durable_position(), Position(11));
    save(&*profiles, 25..75, 12);
    profiles.flush().expect("the flush");
    drop(profiles);
    let profiles = open(path);
    assert_eq!((profiles.durable_position(), profiles.len()), (Position(12), 75));
    assert_eq!([0, 30, 74, 75].map(|n| get(&*profiles, user(n))), [Some(10), Some(12), Some(12), None]);
}

fn an_orderly_close_keeps_everything(path: &Path, open: Open<'_>) {
    save(&*open(path), [1], 5);
    let profiles = open(path);
    assert_eq!((get(&*profiles, user(1)), profiles.durable_position()), (Some(5), Position(5)));
}

fn an_erased_profile_is_gone(path: &Path, open: Open<'_>) {
    let profiles = open(path);
    save(&*profiles, [1, 2], 1);
    profiles.flush().expect("the flush");
    save(&*profiles, [3], 2);
    assert_eq!([1, 3, 4].map(|n| profiles.erase(user(n)).expect("the erasure")), [true, true, false]);
    let check = |profiles: &dyn Profiles<Sample>| {
        assert_eq!([1, 2, 3].map(|n| get(profiles, user(n))), [None, Some(1), None]);
        assert_eq!(profiles.len(), 1);
        assert!(!profiles.recent(10).contains(&user(1)));
    };
    check(&*profiles);
    drop(profiles);
    check(&*open(path));
}

fn clearing_starts_from_the_beginning(path: &Path, open: Open<'_>) {
    let profiles = open(path);
    save(&*profiles, 0..10, 9);
    profiles.flush().expect("the flush");
    save(&*profiles, 5..15, 10);
    profiles.clear().expect("the clearing");
    let check = |profiles: &dyn Profiles<Sample>, seen| {
        assert_eq!((get(profiles, user(1)), profiles.durable_position()), (None, Position(seen)));
    };
    check(&*profiles, 0);
    assert_eq!(profiles.len(), 0);
    save(&*profiles, [7], 3);
    profiles.flush().expect("the flush");
    drop(profiles);
    let profiles = open(path);
    check(&*profiles, 3);
    assert_eq!((get(&*profiles, user(7)), profiles.len()), (Some(3), 1));
}

fn readers_never_see_an_older_profile(profiles: &dyn Profiles<Sample>) {
    thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut last = 0;
                    while last < 300 {
                        let now = get(profiles, user(1)).unwrap_or(0);
                        assert!(now >= last, "{now} after {last}");
                        last = now;
                    }
                })
            })
            .collect();
        for n in 1..=300 {
            save(profiles, [1], n);
            if n % 7 == 0 {
                profiles.flush().expect("the flush");
            }
        }
        readers.into_iter().for_each(|reader| reader.join().expect("a reader"));
    });
}
