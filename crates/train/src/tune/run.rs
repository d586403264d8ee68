//! Trials side by side, each on a pool of its own share of the cores. One fit keeps a few cores busy by itself: on two of
//! them a second trial beside it was worth 0 to 7 % of the time. It is for machines with more cores than a fit can feed.
//!
//! Trial `k` is proposed by, and measured against, what the trials up to `k − LAG` came to, whatever else is done already;
//! to a search that goes by values, the trials between stand at the worst so far (Ginsbourger et al., *Kriging Is
//! Well-Suited to Parallelize Optimization*, 2010: the constant liar). So the same seed with as many trials side by side
//! makes the same trials, whichever end first, and a search that was killed makes those that it lost once more.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc;

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::judging::{Judged, Judging};
use super::log::TrialLog;
use super::space::Space;
use super::{Ended, Parallel, Point, Trial, TuneError, Watch, best, over, search, standing};
use crate::memory;

pub(super) struct Run<'a> {
    judging: &'a Judging<'a>,
    space: &'a Space,
    watch: &'a (dyn Fn(Watch<'_>) + Sync),
    log: Option<TrialLog>,
    /// By number; there are gaps where trials were lost.
    done: BTreeMap<usize, Trial>,
    under_way: BTreeMap<usize, Point>,
    /// The metric of each case in the best trial of this run.
    best_cases: Vec<f64>,
}

enum Next {
    Trial {
        number: usize,
        point: Point,
        past: Vec<Trial>,
    },
    /// Until a trial under way is done.
    Wait,
    End(Ended),
}

/// Trials that may have been started since those that decide: as many as let no pool wait for a single slow trial.
fn lag(n_parallel: usize) -> usize {
    2 * n_parallel - 1
}

impl<'a> Run<'a> {
    pub fn new(
        judging: &'a Judging<'a>,
        space: &'a Space,
        log: Option<TrialLog>,
        past: Vec<Trial>,
        watch: &'a (dyn Fn(Watch<'_>) + Sync),
    ) -> Self {
        let done = past.into_iter().map(|trial| (trial.number, trial)).collect();
        Self { judging, space, watch, log, done, under_way: BTreeMap::new(), best_cases: Vec::new() }
    }

    pub fn finish(&mut self) -> Result<Ended, TuneError> {
        let n_trials = self.judging.spec.n_trials;
        match self.judging.spec.parallel {
            Parallel::Trials(n) => self.until(n_trials, n.get()),
            Parallel::Auto => {
                // The next one alone, to see what it takes.
                let first = n_trials.min(self.first_missing() + 1);
                let (ended, growth) = memory::growth(|| self.until(first, 1));
                match ended? {
                    Ended::AllTrials => self.until(n_trials, memory::n_within(growth, rayon::current_num_threads())),
                    ended => Ok(ended),
                }
            }
        }
    }

    /// All trials in order, and the metric of each case in the best one if it is of this run.
    pub fn into_outcome(self) -> (Vec<Trial>, Vec<f64>) {
        (self.done.into_values().collect(), self.best_cases)
    }

    fn until(&mut self, n_trials: usize, n_parallel: usize) -> Result<Ended, TuneError> {
        let mut idle = pools(n_parallel)?;
        let (judging, watch) = (self.judging, self.watch);
        std::thread::scope(|scope| {
            let (send, receive) = mpsc::channel();
            let mut ended = None;
            loop {
                while ended.is_none()
                    && let Some(pool) = idle.pop()
                {
                    match self.next(n_trials, lag(n_parallel)) {
                        Next::Trial { number, point, past } => {
                            self.under_way.insert(number, point.clone());
                            let send = send.clone();
                            scope.spawn(move || {
                                let trial = || pool.install(|| judging.trial(number, point, &past, watch));
                                let judged = catch_unwind(AssertUnwindSafe(trial));
                                // Nobody listens any more only when another trial's result could not be kept.
                                let _ = send.send((number, pool, judged));
                            });
                            continue;
                        }
                        Next::Wait => idle.push(pool),
                        Next::End(why) => {
                            idle.push(pool);
                            ended = Some(why);
                        }
                    }
                    break;
                }
                if let Some(ended) = ended
                    && self.under_way.is_empty()
                {
                    return Ok(ended);
                }
                let (number, pool, judged) = receive.recv().expect("a trial is under way, and this end can send too");
                idle.push(pool);
                self.under_way.remove(&number);
                match judged {
                    Ok(Some(judged)) => self.keep(judged)?,
                    Ok(None) => ended = Some(over(judging.limits)),
                    Err(panic) => resume_unwind(panic),
                }
            }
        })
    }

    fn first_missing(&self) -> usize {
        (0..).find(|n| !self.done.contains_key(n) && !self.under_way.contains_key(n)).expect("numbers do not end")
    }

    fn next(&self, n_trials: usize, lag: usize) -> Next {
        let number = self.first_missing();
        let judging = self.judging;
        if number >= n_trials {
            return Next::End(Ended::AllTrials);
        }
        if judging.limits.is_over() {
            return Next::End(over(judging.limits));
        }
        let n_known = (number + 1).saturating_sub(lag);
        let past: Vec<Trial> = self.done.range(..n_known).map(|(_, trial)| trial.clone()).collect();
        if past.len() < n_known {
            return Next::Wait;
        }
        // A trial that failed, and one that is not to be known yet, counts as the worst of all.
        let worst = past.iter().filter_map(standing).fold(0.0, f64::min);
        let known = past.iter().map(|trial| (trial.options.clone(), standing(trial).unwrap_or(worst)));
        let unknown = (n_known..number).map(|n| (self.point(n).clone(), worst));
        let before: Vec<(Point, f64)> = known.chain(unknown).collect();
        let later: BTreeSet<&Point> = self.done.range(number..).map(|(_, trial)| &trial.options).collect();
        let spec = judging.spec;
        match search::next(spec.search, self.space, &before, &later, spec.n_trials, spec.seed) {
            Some(point) => Next::Trial { number, point, past },
            None => Next::End(Ended::NothingNew),
        }
    }

    fn point(&self, number: usize) -> &Point {
        self.under_way.get(&number).unwrap_or_else(|| &self.done[&number].options)
    }

    fn keep(&mut self, judged: Judged) -> Result<(), TuneError> {
        let Judged { trial, cases } = judged;
        if let Some(log) = &mut self.log {
            log.append(&trial)?;
        }
        let number = trial.number;
        self.done.insert(number, trial);
        if best(self.done.values()).is_some_and(|(best, _)| best.number == number) {
            self.best_cases = cases;
        }
        let trials: Vec<Trial> = self.done.values().cloned().collect();
        (self.watch)(Watch::Trials(&trials));
        Ok(())
    }
}

/// As many pools as trials run side by side; together they have the threads of the caller's pool.
fn pools(n_parallel: usize) -> Result<Vec<ThreadPool>, TuneError> {
    let n_threads = (rayon::current_num_threads() / n_parallel).max(1);
    let pool = |_| ThreadPoolBuilder::new().num_threads(n_threads).build().map_err(TuneError::Threads);
    (0..n_parallel).map(pool).collect()
}
