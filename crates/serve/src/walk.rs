//! The steps from a query to a slate, in their order.

use domain::{Notice, ProductId, Query, RecommendationId, Slate, SlateItem, Source};
use rustc_hash::FxHashMap;

use crate::{
    Deadline, Exploration, Plan, Policy, SCORER_FAILED, Scorer, Snapshot, explain,
    filters::{CAP, Gate, Refusal},
    hydrate::{self, View},
    no_text_model,
    plan::QUOTA,
    rerank::{self, Candidate, Cap, Part, PartOf, Scale},
    rules::Active,
    sources,
    trace::Trail,
};

/// Reciprocal rank fusion holds ranks well below this for nearly equal (Cormack et al., SIGIR 2009).
const FUSION: f32 = 60.0;

pub(crate) fn slate(
    snapshot: &Snapshot,
    view: &View<'_>,
    query: &Query,
    policy: Policy<'_>,
    id: RecommendationId,
) -> (Slate, Trail) {
    let plan = policy.plan.unwrap_or_else(|| snapshot.plans.of(query, view.about_context));
    let rules = Active::of(snapshot, view, query);
    let mut gate = Gate::new(snapshot, view, query, policy, plan.condition.as_ref(), &rules);
    if plan.rerank.shown_max > 0.0 {
        gate.tire_after(plan.rerank.shown_max, &hydrate::shown(snapshot, view, query));
    }
    let mut walk = Walk {
        snapshot,
        view,
        query,
        plan,
        rules: &rules,
        gate,
        caps: rules.caps(plan),
        chosen: Vec::with_capacity(query.n),
        left: Vec::new(),
        notices: view.notices.clone(),
        deadline: policy.deadline,
        late: Vec::new(),
    };
    walk.climb();
    if walk.is_short() && walk.gate.forgive() {
        walk.climb();
    }
    if let Some(exploration) = policy.exploration.filter(|_| plan.rerank.explore && !view.about_context) {
        if walk.is_late() {
            walk.late.push("exploration");
        } else {
            walk.explore(exploration);
        }
    }
    walk.include();
    walk.pin();
    walk.into_slate(id)
}

struct Walk<'a, 's> {
    snapshot: &'a Snapshot,
    view: &'a View<'s>,
    query: &'a Query,
    plan: &'a Plan,
    rules: &'a Active<'a>,
    gate: Gate<'a>,
    caps: Vec<Cap<'a>>,
    chosen: Vec<Candidate>,
    /// What passed the gate and found no place.
    left: Vec<Candidate>,
    notices: Vec<Notice>,
    deadline: Option<Deadline<'a>>,
    /// Steps that there was no time for.
    late: Vec<&'static str>,
}

impl<'a> Walk<'a, '_> {
    fn missing(&self) -> usize {
        self.query.n - self.chosen.len()
    }

    fn is_short(&self) -> bool {
        self.missing() > 0
    }

    /// The plan's sources lead, its fallbacks fill up in their order.
    fn climb(&mut self) {
        let (leading, filling) = sources::order(self.plan, self.view);
        let leading = self.in_time(leading);
        self.place(&leading);
        for source in filling {
            if !self.is_short() {
                return;
            }
            let sources = self.in_time(vec![source]);
            self.place(&sources);
        }
    }

    /// What there is time for: when it is late, only what is ranked already.
    fn in_time(&mut self, sources: Vec<Source>) -> Vec<Source> {
        if !self.is_late() {
            return sources;
        }
        let (ready, late): (Vec<Source>, Vec<Source>) =
            sources.into_iter().partition(|source| sources::is_ready(*source));
        self.late.extend(late.into_iter().map(Source::as_str));
        ready
    }

    fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| (deadline.0)())
    }

    /// Gives the places that are left to the best of what these sources find.
    fn place(&mut self, sources: &[Source]) {
        let mut pool = match sources {
            [] => return,
            [source] => self.take(*source),
            several => self.fuse(several),
        };
        if let Some(scorer) = self.scorer(sources)
            && let Err(error) = scorer.rerank(self.snapshot, self.view, self.query, &mut pool)
        {
            let detail = format!("{error}; the slate is as it was found");
            self.notices.push(Notice { code: SCORER_FAILED.to_owned(), detail });
        }
        self.boost(&mut pool);
        if let Some(value) = self.plan.value {
            rerank::weigh_value(self.snapshot, &mut pool, value, self.missing());
        }
        self.choose(pool);
    }

    /// A brought scorer ranks anew what the personal models find.
    fn scorer(&self, sources: &[Source]) -> Option<&'a Scorer> {
        self.snapshot.models.scorer().filter(|_| sources.contains(&Source::Personal))
    }

    /// How many candidates a source shall give: what the scorer wants to see, its quota where a later step may change the order, else no
    /// more than there are places.
    fn quota(&self, source: Source, sources: &[Source]) -> usize {
        let planned = || self.plan.sources.iter().find(|planned| planned.source == source);
        let quota = match self.scorer(sources) {
            Some(scorer) => scorer.candidates(),
            None if self.plan.reranks() || self.rules.rerank() => planned().map_or(QUOTA, |planned| planned.quota),
            None => 0,
        };
        quota.max(self.missing())
    }

    /// What passes the gate of one source, best first, with the scores that it gives.
    fn take(&mut self, source: Source) -> Vec<Candidate> {
        let quota = self.quota(source, &[source]);
        let Some(mut rung) = sources::rung(source, self.snapshot, self.view, self.query) else { return Vec::new() };
        let mut pool = Vec::new();
        while pool.len() < quota {
            let Some((number, score)) = rung.next(&self.gate, quota) else { break };
            if self.gate.admits(number) {
                pool.push(Candidate::new(self.gate.best_offer(number), source, score));
            }
        }
        pool
    }

    /// What passes the gate of several sources: `score = Σ weight · (K + 1) / (K + rank)` over those that found it.
    fn fuse(&mut self, sources: &[Source]) -> Vec<Candidate> {
        let mut pool: Vec<Candidate> = Vec::new();
        let mut places: FxHashMap<u32, usize> = FxHashMap::default();
        for &source in sources {
            let quota = self.quota(source, sources);
            let planned = self.plan.sources.iter().find(|planned| planned.source == source);
            let weight = planned.map_or(1.0, |planned| planned.weight);
            let Some(mut rung) = sources::rung(source, self.snapshot, self.view, self.query) else { continue };
            let mut rank = 1;
            while rank <= quota {
                let Some((number, _)) = rung.next(&self.gate, quota) else { break };
                let worth = weight * (FUSION + 1.0) / (FUSION + rank as f32);
                if let Some(&place) = places.get(&number) {
                    pool[place].add(PartOf::Source(source), worth);
                } else if self.gate.admits(number) {
                    places.insert(number, pool.len());
                    pool.push(Candidate::new(self.gate.best_offer(number), source, worth));
                } else {
                    continue;
                }
                rank += 1;
            }
        }
        rerank::sort(&mut pool);
        // Its own model's shares would not add up to a fused score.
        for candidate in pool.iter_mut().filter(|candidate| candidate.parts.is_empty()) {
            candidate.parts.push(Part { of: PartOf::Source(candidate.source), value: candidate.score });
        }
        pool
    }

    fn boost(&self, pool: &mut [Candidate]) {
        if !self.rules.rerank() {
            return;
        }
        let scale = Scale::of(pool);
        for candidate in pool.iter_mut() {
            for (rule, factor) in self.rules.factors(candidate.number) {
                candidate.add(PartOf::Rule(rule), scale.effect(candidate.score, factor));
            }
        }
        rerank::sort(pool);
    }

    fn choose(&mut self, mut pool: Vec<Candidate>) {
        let (snapshot, missing, diversity) = (self.snapshot, self.missing(), self.rules.diversity(self.plan));
        let admits = |candidate: &Candidate| self.has_room(candidate.number);
        let chosen = rerank::choose(snapshot, &mut pool, diversity, missing, admits);
        self.chosen.extend(chosen);
        self.left.extend(pool);
    }

    /// Counts the product in where the caps have room for it.
    fn has_room(&mut self, number: u32) -> bool {
        let product = self.snapshot.product(number);
        let has_room = product.is_none_or(|product| rerank::has_room(&mut self.caps, product, self.query.now));
        if !has_room {
            self.gate.refuse(number, CAP);
        }
        has_room
    }

    /// Gives the last places to the new products that suit the shopper best, as many as `exploration` says that are not there by their own score.
    fn explore(&mut self, exploration: Exploration<'_>) {
        let is_new = |candidate: &Candidate| self.snapshot.models.item(self.snapshot.id(candidate.number)).is_none();
        let there = self.chosen.iter().filter(|candidate| is_new(candidate)).count();
        let missing = exploration.places(self.query.n).saturating_sub(there);
        if missing == 0 {
            return;
        }
        let may_show = |number: u32| exploration.may_show(self.snapshot.id(number));
        let mut found = Vec::new();
        let left = self.left.iter().filter(|candidate| is_new(candidate) && may_show(candidate.number));
        for (number, score) in left.map(|left| (left.number, left.score)).collect::<Vec<_>>() {
            if found.len() < missing && self.has_room(number) {
                found.push(Candidate::new(number, Source::Exploration, score));
            }
        }
        if let Some(mut rung) = sources::newcomers(self.snapshot, self.view) {
            while found.len() < missing {
                let Some((number, score)) = rung.next(&self.gate, missing) else { break };
                if may_show(number) && self.gate.admits(number) && self.has_room(number) {
                    found.push(Candidate::new(number, Source::Exploration, score));
                }
            }
        }
        self.give_last_places(found, |_| false);
    }

    /// Gives the last places to what rules want on the slate and is not there by its own score: what suits the shopper best.
    fn include(&mut self) {
        for (rule, places) in self.rules.includes() {
            let rules = self.rules;
            let is_its = |candidate: &Candidate| rules.admits(rule, candidate.number);
            let missing = places.min(self.query.n).saturating_sub(self.chosen.iter().filter(|c| is_its(c)).count());
            let mut found = Vec::new();
            for (number, score) in sources::best_of(self.snapshot, self.view, &rules.products(rule)) {
                if found.len() == missing {
                    break;
                }
                let is_left = self.left.iter().any(|candidate| candidate.number == number);
                if (is_left || self.gate.admits(number)) && self.has_room(number) {
                    let mut candidate = Candidate::new(number, Source::Rule, score);
                    candidate.add(PartOf::Rule(rule), 0.0);
                    found.push(candidate);
                }
            }
            self.give_last_places(found, |candidate| candidate.source == Source::Exploration || is_its(candidate));
        }
    }

    /// Those that must `stay` leave only when nothing else is left.
    fn give_last_places(&mut self, found: Vec<Candidate>, stay: impl Fn(&Candidate) -> bool) {
        while self.chosen.len() + found.len() > self.query.n {
            let last = self.chosen.iter().rposition(|candidate| !stay(candidate));
            let Some(last) = last.or(self.chosen.len().checked_sub(1)) else { break };
            let candidate = self.chosen.remove(last);
            self.left.push(candidate);
        }
        self.left.retain(|left| found.iter().all(|found| found.number != left.number));
        self.chosen.extend(found);
    }

    /// Puts products where rules want them, but what may not be shown at all.
    fn pin(&mut self) {
        let (n, before) = (self.query.n, self.query.shown.len());
        let is_here = |position: usize| (before + 1..=before + n).contains(&position);
        let pins: Vec<_> = self.rules.pins().into_iter().filter(|(position, ..)| is_here(*position)).collect();
        let pinned: Vec<(usize, u32, Option<Candidate>)> =
            pins.iter().map(|(position, rule, id)| (*position, *rule, self.pinned(*position, *rule, id))).collect();
        for (position, rule, candidate) in pinned {
            let Some(mut candidate) = candidate else { continue };
            candidate.add(PartOf::Rule(rule), 0.0);
            self.chosen.insert((position - 1 - before).min(self.chosen.len()), candidate);
        }
        let beyond = self.chosen.split_off(self.chosen.len().min(n));
        self.left.extend(beyond);
    }

    /// The product to pin, taken from where it stands; a notice where it may not be shown.
    fn pinned(&mut self, position: usize, rule: u32, id: &ProductId) -> Option<Candidate> {
        let number = self.snapshot.number(id);
        if let Some(at) = self.chosen.iter().position(|candidate| Some(candidate.number) == number) {
            return Some(self.chosen.remove(at));
        }
        let refusal = match number {
            Some(number) => self.gate.refusal(number),
            None => Some(Refusal::Named("not_in_catalog")),
        };
        if let Some(why) = refusal {
            let (rule, why) = (self.snapshot.rules.id(rule), why.name(self.snapshot));
            let detail = format!("rule {rule} wants {id} in place {position}: {why}");
            self.notices.push(Notice { code: "pin_refused".to_owned(), detail });
            return None;
        }
        let number = number?;
        self.left.retain(|left| left.number != number);
        // Another listing or variant of it makes room.
        if let Some(twin) = self.chosen.iter().position(|candidate| self.gate.are_twins(candidate.number, number)) {
            self.chosen.remove(twin);
        }
        Some(Candidate::new(number, Source::Rule, 0.0))
    }

    fn into_slate(mut self, id: RecommendationId) -> (Slate, Trail) {
        let Self { snapshot, view, query, .. } = self;
        let mut items: Vec<SlateItem> = self.chosen.iter().enumerate().map(|(at, one)| self.item(at, one)).collect();
        explain::reasons(snapshot, view, query, &mut items);
        if query.explain {
            explain::parts(snapshot, view, &mut items);
        }
        let strategy = items.iter().map(|item| item.source).min().map_or("empty", Source::as_str).to_owned();
        let slate = Slate {
            recommendation_id: id,
            placement: query.placement.clone(),
            personalized: items.iter().any(|item| view.is_about_them(item.source)),
            strategy,
            plan: self.plan.label(),
            model_version: snapshot.models.version.clone(),
            rules_version: (snapshot.rules.version > 0).then_some(snapshot.rules.version),
            notices: self.notices(&items),
            dropped: self.gate.dropped(),
            freshest_event_at: view.freshest_event_at,
            items,
        };
        let refused = self.gate.take_refused();
        (slate, Trail { chosen: self.chosen, left: self.left, refused })
    }

    fn item(&self, at: usize, candidate: &Candidate) -> SlateItem {
        let parts = candidate.parts.iter().filter(|_| self.query.explain);
        SlateItem {
            product_id: self.snapshot.id(candidate.number).clone(),
            position: (self.query.shown.len() + at) as u16 + 1,
            score: candidate.score,
            source: candidate.source,
            reason: sources::reason(candidate.source, self.view.category.as_deref()),
            parts: parts.map(|one| rerank::part(self.snapshot, *one)).collect(),
        }
    }

    fn notices(&self, items: &[SlateItem]) -> Vec<Notice> {
        let Self { snapshot, view, query, .. } = self;
        let mut notices = self.notices.clone();
        let mut notice = |code: &str, detail: String| notices.push(Notice { code: code.to_owned(), detail });
        if snapshot.models.version.is_none() {
            notice("no_model", "nothing is trained yet; run `vitrina train`".to_owned());
        }
        if snapshot.shelf.is_empty() {
            notice("no_catalog", "the catalogue is empty, so names and prices are missing; send products".to_owned());
        }
        if !view.unknown_products.is_empty() {
            let unknown: Vec<&str> = view.unknown_products.iter().map(|id| id.as_str()).collect();
            notice("unknown_products", format!("not in the catalogue or the model: {}", unknown.join(", ")));
        }
        if snapshot.plans.get(query.placement.as_str()).is_none() {
            let detail = format!("{} has no plan of its own and got that of {}", query.placement, self.plan.name);
            notice("no_plan", detail);
        }
        if !self.late.is_empty() {
            notice("late", format!("no time was left for {}; the slate is without", self.late.join(", ")));
        }
        if items.len() < query.n {
            notice("short_slate", format!("{} of {} products passed the filters", items.len(), query.n));
        }
        let by_words_alone =
            snapshot.content.encoder().is_none() && items.iter().any(|item| item.source == Source::Content);
        if by_words_alone {
            notices.push(no_text_model());
        }
        notices
    }
}
