//! Given these products, this history and this question: that slate.

use std::sync::Arc;

use domain::*;
use features::{PriceIndex, Profile, Replenishment, Subject};
use models::{FitContext, Interaction, Interactions, TrainingData, catalogue, onboarding::Population};
use serve::{
    Content, Exploration, Hint, Ledger, Listings, ModelSet, Newcomers, Offers, Page, PageContext, Plan, Policy,
    Question, Rules, Scorer, Shelf, Shopper, Snapshot, questions, recommend,
    search::{self, Candidate},
};
use text::words::Language;

const N: usize = 12;
const NOW: i64 = 1_785_000_000;

fn id(number: usize) -> ProductId {
    ProductId::new(format!("p{number}")).unwrap()
}

/// Even products are cups, odd ones are shoes; `p0` is most popular among the even ones, `p1` among the odd ones.
fn shelf() -> Shelf {
    let product = |number: usize| {
        let mut product = Product::new(id(number), format!("Producto {number}"));
        product.categories = vec!["Todo".into(), if number.is_multiple_of(2) { "Tazas" } else { "Zapatos" }.into()];
        product.price = Some(Money::new(1_000 * number as i64 + 100, Currency::PEN));
        Arc::new(product)
    };
    Shelf::new((0..N).map(product).collect())
}

/// Forty users, the even ones of whom like even products and the odd ones odd products.
fn models(names: &[&str]) -> ModelSet {
    let liked = |user: usize| (0..N).filter(move |item| item % 2 == user % 2 && !(item + user).is_multiple_of(5));
    let cells: Vec<Interaction> = (0..40)
        .flat_map(|user| liked(user).map(move |item| (user, item)))
        .map(|(user, item)| Interaction { user: user as u32, item: item as u32, weight: 1.0, timestamp: NOW - 1_000 })
        .collect();
    let interactions = Interactions::new(40, N, &cells).unwrap();
    let fit = |name: &&str| {
        let options: [(&str, &str); 0] = [];
        catalogue::fit(name, &options, &TrainingData::new(&interactions), &FitContext::quiet(1)).unwrap()
    };
    let version = ModelVersion::new("v1").unwrap();
    ModelSet::new(
        Some(version),
        Some(Timestamp::from_seconds(NOW)),
        (0..N).map(id).collect(),
        names.iter().map(fit).collect(),
    )
    .with_population(Population::fit(&interactions, 2, 1).unwrap())
}

fn shop(names: &[&str]) -> Snapshot {
    Snapshot::new(Arc::new(models(names)), Arc::new(shelf()))
}

const ALL: &[&str] = &["popular", "trending", "item-knn", "ials"];

fn event(kind: EventKind, position: u64, product: usize) -> Recorded {
    let event = Event {
        message_id: MessageId::new(format!("m{position}")).unwrap(),
        kind,
        user: UserKey([1; 16]),
        anonymous: None,
        session_id: None,
        occurred_at: Timestamp::from_seconds(NOW - 100 + position as i64),
        received_at: Timestamp::from_seconds(NOW),
        channel: Channel::Server,
        consent: Consent::default(),
        placement: None,
        recommendation_id: None,
        products: vec![Line::of(id(product))],
        order: (kind == EventKind::OrderCompleted).then(|| Order::of(OrderId::new(format!("o{position}")).unwrap())),
        details: Default::default(),
    };
    Recorded { position: Position(position), event }
}

fn shopper(events: &[(EventKind, usize)]) -> Shopper {
    let mut profile = Profile::default();
    for (i, (kind, product)) in events.iter().enumerate() {
        profile.fold(&event(*kind, i as u64 + 1, *product));
    }
    Shopper::of(profile)
}

fn query(n: usize) -> Query {
    Query {
        placement: PlacementId::new("home").unwrap(),
        user: Some(UserKey([1; 16])),
        anonymous: None,
        products: Vec::new(),
        cart: Vec::new(),
        filters: Filters::default(),
        exclude: Vec::new(),
        shown: Vec::new(),
        segments: Vec::new(),
        seller: None,
        n,
        explain: false,
        now: Timestamp::from_seconds(NOW),
    }
}

/// Of a page about these products.
fn page(products: Vec<ProductId>, n: usize) -> Query {
    Query { placement: PlacementId::new("product").unwrap(), products, ..query(n) }
}

fn ask(snapshot: &Snapshot, shopper: &Shopper, query: &Query) -> Slate {
    recommend(snapshot, shopper, query, Policy::default(), RecommendationId::new("r1").unwrap())
}

fn numbers(slate: &Slate) -> Vec<usize> {
    slate.items.iter().map(|item| item.product_id.as_str()[1..].parse().unwrap()).collect()
}

#[test]
fn taste_comes_first_and_the_reason_names_what_was_viewed() {
    let slate = ask(&shop(ALL), &shopper(&[(EventKind::ProductViewed, 3)]), &query(4));
    assert!(numbers(&slate).iter().all(|n| n % 2 == 1), "{slate:?}");
    assert_eq!((slate.strategy.as_str(), slate.personalized), ("personal", true));
    assert_eq!(slate.items[0].position, 1);
    let other = slate.items.iter().find(|item| item.product_id != id(3)).unwrap();
    assert_eq!(other.reason, Reason::BecauseYouViewed { seed_product_id: id(3) });
    assert_eq!(slate.freshest_event_at, Some(Timestamp::from_seconds(NOW - 99)));
}

#[test]
fn whichever_personal_model_was_trained_speaks() {
    let viewer = shopper(&[(EventKind::ProductViewed, 3), (EventKind::ProductViewed, 5)]);
    for spec in catalogue::MODELS.iter().filter(|spec| spec.is_personal) {
        let slate = ask(&shop(&["popular", spec.name]), &viewer, &query(2));
        assert_eq!((slate.strategy.as_str(), slate.items.len()), ("personal", 2), "{}: {slate:?}", spec.name);
    }
}

#[test]
fn a_product_page_asks_whichever_model_knows_what_goes_with_a_product() {
    let page = page(vec![id(3)], 2);
    for name in ["item-knn", "rp3beta", "slim", "ease", "markov", "ials"] {
        let slate = ask(&shop(&["popular", name]), &Shopper::default(), &page);
        assert_eq!(slate.strategy, "item_to_item", "{name}: {slate:?}");
        assert!(numbers(&slate).iter().all(|n| n % 2 == 1), "{name}: {slate:?}");
        assert_eq!(slate.items[0].reason, Reason::SimilarTo { seed_product_id: id(3) }, "{name}");
    }
}

#[test]
fn what_is_bought_together_is_for_carts_and_stands_in_for_no_other_model() {
    let cart = Query { placement: PlacementId::new("cart").unwrap(), cart: vec![id(3)], ..query(2) };
    let both = shop(&["popular", "bought-together", "item-knn"]);
    for (asked, strategy) in [(&cart, "bought_together"), (&page(vec![id(3)], 2), "item_to_item")] {
        let slate = ask(&both, &Shopper::default(), asked);
        assert_eq!(slate.strategy, strategy, "{slate:?}");
        assert!(numbers(&slate).iter().all(|n| n % 2 == 1), "{slate:?}");
    }
    let alone = shop(&["popular", "bought-together"]);
    assert_eq!(ask(&alone, &Shopper::default(), &page(vec![id(3)], 2)).strategy, "category");
    let viewer = shopper(&[(EventKind::ProductViewed, 3)]);
    assert_eq!(ask(&alone, &viewer, &query(2)).strategy, "category", "it does not speak for shoppers");
}

#[test]
fn what_was_bought_stays_out_unless_the_shop_says_otherwise() {
    let bought = shopper(&[(EventKind::OrderCompleted, 3)]);
    let slate = ask(&shop(ALL), &bought, &query(N));
    assert!(!numbers(&slate).contains(&3));
    assert!(slate.dropped.contains(&("purchased".to_owned(), 1)), "{:?}", slate.dropped);
    let policy = Policy { recommend_purchased: true, ..Policy::default() };
    let slate = recommend(&shop(ALL), &bought, &query(N), policy, RecommendationId::new("r").unwrap());
    assert!(numbers(&slate).contains(&3));
}

#[test]
fn models_hear_of_each_purchase() {
    let mut profile = Profile::default();
    for (n, (product, days_ago)) in (1..).zip([(3, 29), (3, 22), (3, 15), (3, 8), (5, 2)]) {
        let mut bought = event(EventKind::OrderCompleted, n, product);
        bought.event.occurred_at = Timestamp::from_seconds(NOW - days_ago * 86_400);
        profile.fold(&bought);
    }
    let log = [(0, 3, 0), (0, 3, 7), (1, 5, 0), (1, 5, 7)];
    let cell = |(user, item, day): (u32, u32, i64)| Interaction {
        user,
        item,
        weight: 5.0,
        timestamp: NOW + (day - 60) * 86_400,
    };
    let log = Interactions::new(2, N, &log.map(cell)).unwrap();
    let buy_again = catalogue::find("buy-again").unwrap();
    let options = buy_again.options::<&str, &str>(&[]).unwrap();
    let model = buy_again.fit(&TrainingData::new(&log), &options, &FitContext::quiet(1)).unwrap();
    let models = ModelSet::new(None, None, (0..N).map(id).collect(), vec![model]);
    let policy = Policy { recommend_purchased: true, ..Policy::default() };
    let shop = Snapshot::new(Arc::new(models), Arc::new(shelf()));
    let slate = recommend(&shop, &Shopper::of(profile), &query(2), policy, RecommendationId::new("r").unwrap());
    assert_eq!(numbers(&slate), [3, 5], "what is bought weekly comes before what was bought once: {slate:?}");
}

#[test]
fn each_rung_answers_when_the_ones_above_are_gone() {
    let newcomer = Shopper::default();
    let rungs: [(&[&str], &str); 3] = [(ALL, "trending"), (&["popular"], "popular"), (&[], "catalog")];
    for (names, strategy) in rungs {
        let slate = ask(&shop(names), &newcomer, &query(N));
        assert_eq!((slate.strategy.as_str(), slate.items.len(), slate.personalized), (strategy, N, false), "{names:?}");
    }
    let known = shopper(&[(EventKind::ProductViewed, 3)]);
    assert_eq!(ask(&shop(&["popular", "item-knn"]), &known, &query(2)).strategy, "personal");
    let in_category = ask(&shop(&["popular"]), &known, &query(3));
    assert_eq!(in_category.strategy, "category");
    assert_eq!(in_category.items[0].reason, Reason::PopularInCategory { category: "Zapatos".into() });
    let empty = ask(&Snapshot::default(), &known, &query(3));
    assert_eq!((empty.strategy.as_str(), empty.items.len()), ("empty", 0));
    let codes: Vec<&str> = empty.notices.iter().map(|notice| notice.code.as_str()).collect();
    assert_eq!(codes, ["no_model", "no_catalog", "short_slate"]);
}

#[test]
fn a_product_page_asks_what_goes_with_it_and_never_shows_it_again() {
    let beside = page(vec![id(4), ProductId::new("unheard-of").unwrap()], 4);
    let slate = ask(&shop(ALL), &shopper(&[(EventKind::ProductViewed, 3)]), &beside);
    assert!(numbers(&slate).iter().all(|n| n % 2 == 0 && *n != 4), "{slate:?}");
    assert_eq!(slate.items[0].reason, Reason::SimilarTo { seed_product_id: id(4) });
    assert_eq!(slate.notices[0].code, "unknown_products");
}

#[test]
fn a_filter_reaches_down_the_ladder_rather_than_empty_the_slate() {
    let mut cheap_cups = query(3);
    cheap_cups.filters = Filters {
        categories: vec!["Tazas".into()],
        price_max: Some(Money::new(5_000, Currency::PEN)),
        ..Filters::default()
    };
    let slate = ask(&shop(ALL), &shopper(&[(EventKind::ProductViewed, 3)]), &cheap_cups);
    let mut got = numbers(&slate);
    got.sort_unstable();
    assert_eq!(got, [0, 2, 4]);
    let condition = Filter::parse(r#"category = "Tazas" and not price > 50"#, Currency::PEN).unwrap();
    cheap_cups.filters = Filters { condition: Some(condition), ..Filters::default() };
    assert_eq!(ask(&shop(ALL), &shopper(&[(EventKind::ProductViewed, 3)]), &cheap_cups).items, slate.items);
    let mut none = query(3);
    none.exclude = (0..N).map(id).collect();
    let slate = ask(&shop(ALL), &Shopper::default(), &none);
    assert_eq!((slate.items.len(), slate.dropped[0].clone()), (0, ("exclude_list".to_owned(), N)));
}

#[test]
fn shares_of_an_explanation_add_up_to_the_score() {
    let mut asked = query(6);
    asked.explain = true;
    let seen = [(EventKind::ProductViewed, 3), (EventKind::ProductAdded, 5), (EventKind::OrderCompleted, 7)];
    for names in [ALL, &["popular", "item-knn"], &["popular", "item-knn", "hybrid"]] {
        for item in ask(&shop(names), &shopper(&seen), &asked).items {
            let sum: f32 = item.parts.iter().map(|part| part.value).sum();
            assert!((sum - item.score).abs() <= 1e-4 * item.score.abs().max(1.0), "{names:?}: {sum} against {item:?}");
        }
    }
}

#[test]
fn the_same_question_gets_the_same_slate() {
    let snapshot = shop(ALL);
    let seen = shopper(&[(EventKind::ProductViewed, 3), (EventKind::ProductViewed, 4)]);
    assert_eq!(ask(&snapshot, &seen, &query(N)), ask(&snapshot, &seen, &query(N)));
}

/// A model of `crates/onnx/tests/fixtures`, its schema changed in one place.
fn scorer(name: &str, from: &str, to: &str) -> Result<Scorer, serve::ScorerError> {
    let path = |ending: &str| format!("{}/../onnx/tests/fixtures/{name}.{ending}", env!("CARGO_MANIFEST_DIR"));
    let schema = std::fs::read_to_string(path("toml")).unwrap().replace(from, to);
    let models: Vec<String> = ALL.iter().map(|name| (*name).to_owned()).collect();
    Scorer::load(&std::fs::read(path("onnx")).unwrap(), &schema, &models)
}

fn shop_with(scorer: Scorer) -> Snapshot {
    Snapshot::new(Arc::new(models(ALL).with_scorer(scorer)), Arc::new(shelf()))
}

#[test]
fn a_brought_scorer_ranks_anew_what_the_personal_model_found() {
    let viewer = shopper(&[(EventKind::ProductViewed, 3), (EventKind::OrderCompleted, 1)]);
    let mut asked = query(4);
    asked.explain = true;
    let found = ask(&shop(ALL), &viewer, &asked);
    // Cheapest first, and what was bought stays out all the same.
    let slate = ask(&shop_with(scorer("cheap-first", "", "").unwrap()), &viewer, &asked);
    assert_eq!((numbers(&slate), slate.strategy.as_str()), (vec![0, 2, 3, 4], "personal"));
    assert_ne!(numbers(&found), numbers(&slate));
    for (i, item) in slate.items.iter().enumerate() {
        let price = numbers(&slate)[i] as f32 * 10.0 + 1.0;
        assert_eq!((item.score, item.position as usize), (-price, i + 1));
        let parts: Vec<_> = item.parts.iter().map(|part| (part.name.as_str(), part.value)).collect();
        assert_eq!(parts, [("cheap-first", -price)]);
    }
    // A source's own score as the only column, turned round: what it likes least comes first, equals in their order.
    let columns = scorer("cheap-first", "\"product.price\"", "\"score.ials\"").unwrap();
    let mut found_items = ask(&shop(ALL), &viewer, &query(N)).items;
    found_items.sort_by(|a, b| a.score.total_cmp(&b.score));
    let wanted: Vec<&ProductId> = found_items.iter().map(|item| &item.product_id).collect();
    let turned = ask(&shop_with(columns), &viewer, &query(N)).items;
    assert_eq!(turned.iter().map(|item| &item.product_id).collect::<Vec<_>>(), wanted);
    let few = scorer("cheap-first", "name = \"cheap-first\"", "name = \"few\"\ncandidates = 3").unwrap();
    let mut three = numbers(&found)[..3].to_vec();
    three.sort_unstable();
    assert_eq!(numbers(&ask(&shop_with(few), &viewer, &query(2))), three[..2]);
    // Nobody in particular: there is no personal rung to rank.
    let slate = ask(&shop_with(scorer("cheap-first", "", "").unwrap()), &Shopper::default(), &query(4));
    assert_eq!(slate.items, ask(&shop(ALL), &Shopper::default(), &query(4)).items);
}

#[test]
fn a_scorer_that_fails_leaves_the_slate_as_it_was_found() {
    let viewer = shopper(&[(EventKind::ProductViewed, 3)]);
    let features = r#"features = ["product.price", "pair.n_views", "pair.strength", "user.n_orders"]"#;
    // All of it missing here, filled with zeros, of which this model takes the logarithm.
    let missing = format!("features = [{}]", ["\"user.days_since_order\""; 4].join(", "));
    let slate = ask(&shop_with(scorer("hostile-nan", features, &missing).unwrap()), &viewer, &query(5));
    assert_eq!(slate.items, ask(&shop(ALL), &viewer, &query(5)).items);
    assert_eq!(slate.notices[0].code, serve::SCORER_FAILED);
    assert!(slate.notices[0].detail.contains("wanted a finite number"), "{:?}", slate.notices);
}

#[test]
fn a_feature_that_is_not_known_is_refused_with_the_nearest_name() {
    let refused = |to: &str| scorer("cheap-first", "\"product.price\"", to).err().unwrap().to_string();
    assert!(refused("\"product.prize\"").contains("did you mean \"product.price\""));
    assert!(refused("\"score.sasrec\"").contains("this version has the models popular, trending, item-knn, ials"));
    let named = scorer("cheap-first", "name = \"cheap-first\"", "name = \"ials\"").err().unwrap().to_string();
    assert!(named.contains("like a model of the catalogue"), "{named}");
}

const LIKED: text::Liked = text::Liked { weight: 1.0, age_days: 0.0 };

/// Two products that came after the training, and what the texts of all say.
fn with_newcomers() -> Snapshot {
    let named = |number: usize, name: &str| {
        let mut product = Product::new(id(number), name);
        product.categories = vec!["Nuevo".into()];
        Arc::new(product)
    };
    let mut products: Vec<Arc<Product>> = shelf().products().cloned().collect();
    products[7] = named(7, "Zapatillas urbanas de cuero");
    products.extend([named(N, "Zapatilla urbana roja"), named(N + 1, "Zapatilla urbana azul")]);
    let shelf = Shelf::new(products);
    let content = Content::default().next(&shelf, None);
    Snapshot::new(Arc::new(models(ALL)), Arc::new(shelf)).with_content(Arc::new(content))
}

#[test]
fn the_first_click_on_a_product_that_no_model_knows_shapes_the_next_slate() {
    let snapshot = with_newcomers();
    let slate = ask(&snapshot, &shopper(&[(EventKind::ProductViewed, N)]), &query(2));
    assert_eq!(slate.items.iter().map(|item| item.source).collect::<Vec<_>>(), [Source::Content; 2], "{slate:?}");
    assert_eq!(numbers(&slate), [N, N + 1]);
    assert_eq!(slate.items[1].reason, Reason::Resembles { seed_product_id: id(N) });
    assert!(slate.personalized);
    assert!(slate.notices.iter().any(|notice| notice.code == "no_text_model"), "{:?}", slate.notices);
}

#[test]
fn a_new_products_page_shows_what_resembles_it_and_filters_are_asked_inside_the_search() {
    let snapshot = with_newcomers();
    let viewer = shopper(&[(EventKind::ProductViewed, 3)]);
    let page = page(vec![id(N)], 2);
    let slate = ask(&snapshot, &viewer, &page);
    assert_eq!((numbers(&slate), slate.strategy.as_str()), (vec![N + 1, 7], "content"));
    assert!(!slate.personalized, "the page decided, not the shopper: {slate:?}");

    let filters = Filters {
        condition: Some(Filter::parse(r#"category != "Nuevo""#, Currency::PEN).unwrap()),
        ..Filters::default()
    };
    let slate = ask(&snapshot, &viewer, &Query { filters, n: 3, ..page });
    assert_eq!(slate.items.len(), 3);
    assert!(numbers(&slate).iter().all(|number| *number < N && *number != 7), "{slate:?}");
}

/// A shop whose products say what they are, with a new shoe, `p12`, and a new cup, `p13`.
fn with_placed_newcomers() -> Snapshot {
    let product = |number: usize| {
        let is_cup = number.is_multiple_of(2) ^ (number >= N);
        let kind = if is_cup { "Taza de cerámica" } else { "Zapatilla deportiva de cuero" };
        let mut product = Product::new(id(number), format!("{kind} modelo {number}"));
        product.categories = vec![if is_cup { "Tazas" } else { "Zapatos" }.into()];
        Arc::new(product)
    };
    let shelf = Shelf::new((0..N + 2).map(product).collect());
    let content = Arc::new(Content::default().next(&shelf, None));
    let snapshot = Snapshot::new(Arc::new(models(ALL)), Arc::new(shelf)).with_content(content);
    let newcomers = Arc::new(Newcomers::default().next(&snapshot));
    assert_eq!(newcomers.len(), 2);
    snapshot.with_newcomers(newcomers)
}

#[test]
fn a_new_product_stands_beside_those_that_its_shoppers_like() {
    let snapshot = with_placed_newcomers();
    for (likes, new, other) in [(3, N, N + 1), (4, N + 1, N)] {
        let slate = ask(&snapshot, &shopper(&[(EventKind::ProductViewed, likes)]), &query(N + 2));
        let place = |product: usize| slate.items.iter().position(|item| item.product_id == id(product)).unwrap();
        let new = &slate.items[place(new)];
        assert_eq!((new.source, &new.reason), (Source::Personal, &Reason::Resembles { seed_product_id: id(likes) }));
        assert!((new.position as usize) <= N / 2 + 1, "among its kind: {slate:?}");
        assert!(place(other) > N / 2, "the other is not: {slate:?}");
    }
    // Other models number other products: what stood beside the old ones is not asked any more.
    let trained = snapshot.renewed(Arc::new(models(&["popular", "item-knn"])), snapshot.shelf.clone());
    let slate = ask(&trained, &shopper(&[(EventKind::ProductViewed, 3)]), &query(4));
    assert!(slate.items.iter().all(|item| item.product_id != id(N)), "{slate:?}");
    let placed = trained.newcomers.next(&trained);
    assert_eq!(placed.len(), 2);
}

#[test]
fn exploration_gives_new_products_their_share_until_their_budget_is_spent() {
    let snapshot = with_placed_newcomers();
    let ledger = Ledger::default();
    let ask = |n: usize, chance: f32, query: Query| {
        let exploration = Some(Exploration { share: 0.25, budget: 2, ledger: &ledger, chance });
        let policy = Policy { recommend_purchased: true, exploration, ..Policy::default() };
        let viewer = shopper(&[(EventKind::ProductViewed, 3), (EventKind::ProductViewed, 5)]);
        recommend(&snapshot, &viewer, &Query { n, ..query }, policy, RecommendationId::new("r").unwrap())
    };
    let explored = |slate: &Slate| slate.items.iter().filter(|item| item.source == Source::Exploration).count();
    // The shopper likes shoes, so the new shoe may stand there anyway; the filter leaves the new cup alone to be explored.
    let cups = || Query { filters: Filters { categories: vec!["Tazas".into()], ..Filters::default() }, ..query(4) };
    let slate = ask(4, 0.0, cups());
    assert_eq!((slate.items.len(), explored(&slate)), (4, 1), "{slate:?}");
    assert_eq!((slate.items[3].product_id.clone(), slate.items[3].position), (id(N + 1), 4));
    assert_eq!(explored(&ask(3, 0.0, cups())), 0, "a quarter of three is less than one");
    assert_eq!(explored(&ask(3, 0.3, cups())), 1, "and sometimes one");
    let page = Query { products: vec![id(2)], ..cups() };
    assert_eq!(explored(&ask(4, 0.0, page)), 0, "a product's page is about that product");
    (0..2).for_each(|_| ledger.spend(&id(N + 1)));
    assert_eq!(explored(&ask(4, 0.0, cups())), 0, "the budget is spent");
    ledger.keep(&snapshot.newcomers);
    assert_eq!(ledger.all(), [(id(N + 1), 2)]);
    ledger.keep(&Newcomers::default());
    assert!(ledger.all().is_empty());
}

#[test]
fn content_follows_the_catalogue_step_by_step_as_if_made_anew() {
    let before = with_newcomers();
    let mut products: Vec<Arc<Product>> = before.shelf.products().skip(1).cloned().collect();
    products.push(Arc::new(Product::new(id(99), "Zapatilla urbana verde")));
    let shelf = Shelf::new(products);
    let next = before.content.next(&shelf, None);
    assert_eq!(next.len(), shelf.len());
    let near = |content: &Content| {
        let taste = content.taste([(&id(99), LIKED)]).unwrap();
        let found = content.near(&taste, 3, |found| *found != id(99)).into_iter();
        found.map(|neighbour| neighbour.key).collect::<Vec<_>>()
    };
    assert_eq!(near(&next)[..2], [id(N), id(N + 1)]);
    assert!(next.taste([(&id(0), LIKED)]).is_none(), "what left the catalogue is forgotten");
    assert!(next.next(&Shelf::default(), None).is_empty());
}

#[test]
fn two_interests_share_the_places_by_their_importance() {
    let named = |number: usize, name: String| Arc::new(Product::new(id(number), name));
    let shoes = (0..20).map(|i| named(i, format!("Zapatilla deportiva modelo {i}")));
    let screens = (20..40).map(|i| named(i, format!("Televisor smart pantalla {i}")));
    let content = Content::default().next(&Shelf::new(shoes.chain(screens).collect()), None);
    let strongly = text::Liked { weight: 3.0, age_days: 0.0 };
    let taste = content.taste([(&id(0), strongly), (&id(20), LIKED)]).unwrap();
    let near = content.near(&taste, 8, |_| true);
    let n_screens = near.iter().filter(|near| near.key.as_str()[1..].parse::<usize>().unwrap() >= 20).count();
    assert_eq!((near.len(), n_screens), (8, 2), "{near:?}");
    assert!(near.is_sorted_by(|a, b| a.similarity >= b.similarity));
}

fn said(position: u64, subject: &Subject, preference: Preference) -> Recorded {
    let mut said = event(EventKind::PreferenceDeclared, position, 0);
    said.event.details.preference = Some(preference);
    match subject {
        Subject::Product(id) => said.event.products = vec![Line::of(id.clone())],
        Subject::Category(category) => {
            said.event.products.clear();
            said.event.details.category = Some(category.clone());
        }
    }
    said
}

fn who_said(words: &[(Subject, Preference)]) -> Profile {
    let mut profile = Profile::default();
    (1..).zip(words).for_each(|(position, (subject, preference))| profile.fold(&said(position, subject, *preference)));
    profile
}

fn category(name: &str) -> Subject {
    Subject::Category(name.to_owned())
}

fn is_cup(subject: &Subject) -> bool {
    match subject {
        Subject::Product(id) => id.as_str()[1..].parse::<usize>().unwrap().is_multiple_of(2),
        Subject::Category(name) => name == "Tazas",
    }
}

#[test]
fn a_newcomer_is_asked_what_tells_most_and_never_the_same_again() {
    let shop = shop(ALL);
    let mut profile = Profile::default();
    let mut asked: Vec<Subject> = Vec::new();
    for round in 1.. {
        let page: Vec<Question> = questions(&shop, &Shopper::of(profile.clone()), 2);
        assert_eq!(page, questions(&shop, &Shopper::of(profile.clone()), 2));
        let Some(first) = page.first() else { break };
        assert!(page.iter().all(|question| !asked.contains(&question.subject)), "{page:?} after {asked:?}");
        assert!(page.get(1).is_none_or(|second| second.bits <= first.bits + 1e-9), "{page:?}");
        if round == 1 {
            // Who likes cups and who likes shoes: one bit, of which one answer can't tell all. Everybody likes "Todo".
            assert!((0.3..1.0).contains(&first.bits) && first.subject != category("Todo"), "{page:?}");
        }
        asked.extend(page.iter().map(|question| question.subject.clone()));
        for question in &page {
            profile.fold(&said(profile.seen().0 + 1, &question.subject, Preference::Unknown));
        }
        assert!(round < 20, "the questions end");
    }
    assert!(!asked.is_empty());
    assert!(questions(&Snapshot::default(), &Shopper::default(), 5).is_empty(), "nothing is known, nothing is asked");
}

#[test]
fn an_answer_changes_the_slate_at_once() {
    let shop = shop(ALL);
    let newcomer = ask(&shop, &Shopper::of(who_said(&[])), &query(5));
    assert_eq!((newcomer.strategy.as_str(), newcomer.personalized), ("trending", false));
    let first = questions(&shop, &Shopper::default(), 1).remove(0).subject;
    for (preference, wants_cups) in [(Preference::Like, is_cup(&first)), (Preference::Dislike, !is_cup(&first))] {
        let slate = ask(&shop, &Shopper::of(who_said(&[(first.clone(), preference)])), &query(4));
        assert!(slate.personalized, "{slate:?}");
        assert!(
            numbers(&slate).iter().all(|n| n.is_multiple_of(2) == wants_cups),
            "{first:?} {preference:?}: {slate:?}"
        );
    }
    let liked = ask(&shop, &Shopper::of(who_said(&[(Subject::Product(id(3)), Preference::Like)])), &query(3));
    assert_eq!((liked.strategy.as_str(), numbers(&liked).iter().all(|n| n % 2 == 1)), ("segment", true), "{liked:?}");
    let other = liked.items.iter().find(|item| item.product_id != id(3)).unwrap();
    assert_eq!(other.reason, Reason::BecauseYouLike { seed_product_id: id(3) });
    // Without taste groups, a liked category is what is popular in it.
    let plain = Snapshot::new(
        Arc::new(ModelSet::new(None, None, (0..N).map(id).collect(), vec![popular()])),
        Arc::new(shelf()),
    );
    let slate = ask(&plain, &Shopper::of(who_said(&[(category("Zapatos"), Preference::Like)])), &query(3));
    assert_eq!(slate.items[0].reason, Reason::PopularInCategory { category: "Zapatos".into() });
}

fn popular() -> Box<dyn models::Model> {
    let cell = |item| Interaction { user: 0, item, weight: 1.0, timestamp: 0 };
    let cells: Vec<Interaction> = (0..N as u32).map(cell).collect();
    let interactions = Interactions::new(1, N, &cells).unwrap();
    let options: [(&str, &str); 0] = [];
    catalogue::fit("popular", &options, &TrainingData::new(&interactions), &FitContext::quiet(1)).unwrap()
}

#[test]
fn dislikes_are_left_out_until_the_slate_would_be_short_or_behaviour_says_otherwise() {
    let shop = shop(ALL);
    let words = [(category("Zapatos"), Preference::Dislike), (Subject::Product(id(4)), Preference::Dislike)];
    let disliking = who_said(&words);
    let slate = ask(&shop, &Shopper::of(disliking.clone()), &query(5));
    assert!(numbers(&slate).iter().all(|n| n.is_multiple_of(2) && *n != 4), "{slate:?}");
    let all = ask(&shop, &Shopper::of(disliking.clone()), &query(N));
    assert_eq!(all.items.len(), N - 1, "shoes come last, the disliked product never: {all:?}");
    assert!(!numbers(&all).contains(&4));
    let beside_shoes = page(vec![id(3)], 3);
    let slate = ask(&shop, &Shopper::of(disliking.clone()), &beside_shoes);
    assert!(numbers(&slate).iter().all(|n| n % 2 == 1), "who looks at shoes is shown shoes: {slate:?}");
    // A view after the word.
    let mut viewing = disliking;
    viewing.fold(&event(EventKind::ProductViewed, 50, 3));
    viewing.fold(&event(EventKind::ProductViewed, 51, 4));
    let slate = ask(&shop, &Shopper::of(viewing), &query(N));
    assert_eq!(slate.items.len(), N, "{slate:?}");
    assert!(slate.dropped.is_empty(), "{:?}", slate.dropped);
}

/// Products 0 and 2 are one cup of two sellers; 4 lacks what a listing should have.
fn market() -> Arc<Shelf> {
    let names = [
        "Taza térmica Inca 350 ml acero",
        "",
        "Taza Térmica INCA 0.35 L acero",
        "",
        "Taza de barro negra pintada a ma...",
    ];
    let product = |number: usize| {
        let name =
            names.get(number).filter(|name| !name.is_empty()).map_or(format!("Producto {number}"), ToString::to_string);
        let mut product = Product::new(id(number), name);
        product.seller = Some(format!("Tienda {number}"));
        product.price = (number != 4).then(|| Money::new(4_990, Currency::PEN));
        Arc::new(product)
    };
    Arc::new(Shelf::new((0..N).map(product).collect()))
}

#[test]
fn one_slate_never_shows_two_listings_of_one_product() {
    let shelf = market();
    let listings = Arc::new(Listings::read(&shelf, Currency::PEN, Language::Spanish));
    assert!(listings.is_of(&shelf) && listings.group(&id(0)).is_some());
    assert_eq!((listings.group(&id(0)), listings.group(&id(4))), (listings.group(&id(2)), None));
    let snapshot = Snapshot::new(Arc::new(models(ALL)), shelf).with_listings(listings);
    let (visitor, id) = (Shopper::default(), || RecommendationId::new("r").unwrap());
    let hide = Policy { hide_duplicates: true, ..Policy::default() };
    let slate = recommend(&snapshot, &visitor, &query(N), hide, id());
    let cups = numbers(&slate).into_iter().filter(|number| [0, 2].contains(number)).count();
    assert_eq!((cups, slate.items.len()), (1, N - 1), "{slate:?}");
    assert!(slate.dropped.contains(&("duplicate_listing".to_owned(), 1)), "{:?}", slate.dropped);
    let all = recommend(&snapshot, &visitor, &query(N), Policy::default(), id());
    assert_eq!(all.items.len(), N, "switched off");
    // A search keeps the listing that has most of the words.
    let ids = [0, 2, 4].map(self::id);
    let candidates: Vec<Candidate<'_>> =
        ids.iter().zip([1.0, 3.0, 2.0]).map(|(product_id, text)| Candidate { product_id, tier: 1, text }).collect();
    let policy = search::Policy { personal: 0.0, popular: 0.0, hide_duplicates: true };
    let found = search::rerank(&snapshot, &visitor, &query(N), &candidates, 0, policy, id());
    assert_eq!((numbers(&found.slate), found.total), (vec![2, 4], 2), "{:?}", found.slate);
    assert_eq!(found.slate.dropped, [("duplicate_listing".to_owned(), 1)]);
    // The first may not be shown; then the other has the place.
    let mut without = query(N);
    without.exclude = vec![numbers(&slate).into_iter().find(|number| [0, 2].contains(number)).map(self::id).unwrap()];
    let slate = recommend(&snapshot, &visitor, &without, hide, id());
    assert_eq!(numbers(&slate).into_iter().filter(|number| [0, 2].contains(number)).count(), 1, "{slate:?}");
}

#[test]
fn a_listing_is_told_what_it_lacks() {
    let mut products: Vec<Product> = (0..200)
        .map(|number| {
            let (name, category) =
                if number % 2 == 0 { ("Zapatilla urbana", "Zapatos") } else { ("Taza cerámica", "Cocina") };
            let mut product = Product::new(id(number), format!("{name} modelo {number}"));
            product.categories = vec!["Todo".into(), category.into()];
            product.description = "Hecho en Perú".into();
            product.brand = Some("Inca".into());
            product.image_link = Some("a.jpg".into());
            product.price = Some(Money::new(4_990, Currency::PEN));
            product
        })
        .collect();
    products[0].categories = vec!["Cocina".into()];
    products[1].categories.clear();
    products[3].name = "Taza cerámica de asa lar...".into();
    products[3].brand = Some("  ".into());
    let shelf = Arc::new(Shelf::new(products.into_iter().map(Arc::new).collect()));
    let listings = Listings::read(&shelf, Currency::PEN, Language::Spanish);
    let hints = |number: usize| {
        let found = listings.hints().iter().find(|(product, _)| *product == id(number));
        found.map_or(&[][..], |(_, hints)| hints.as_slice())
    };
    assert!(
        matches!(hints(0), [Hint::WrongCategory(suggestion)] if suggestion.category == "Zapatos"),
        "{:?}",
        hints(0)
    );
    let [Hint::MissingCategory { suggestion: Some(suggestion) }] = hints(1) else { panic!("{:?}", hints(1)) };
    assert_eq!(suggestion.category, "Cocina");
    assert_eq!(hints(3), [Hint::MissingBrand, Hint::TitleCut]);
    assert_eq!(hints(5), [], "nothing is wrong with it");
}

fn plan(text: &str) -> Plan {
    Plan::parse("test", text, Currency::PEN).unwrap_or_else(|error| panic!("{error}"))
}

fn ask_by(snapshot: &Snapshot, shopper: &Shopper, query: &Query, plan: &Plan) -> Slate {
    let policy = Policy { plan: Some(plan), ..Policy::default() };
    recommend(snapshot, shopper, query, policy, RecommendationId::new("r1").unwrap())
}

/// A shop whose published rules these are, as JSON.
fn shop_with_rules(rules: &[&str]) -> Snapshot {
    let rules = rules.iter().enumerate().map(|(at, rest)| {
        serde_json::from_str(&format!(r#"{{"rule_id": "r{at}", {rest}}}"#))
            .unwrap_or_else(|error| panic!("{rest}: {error}"))
    });
    let zone = Shop::default().zone();
    let rules = Rules::new(1, rules.collect(), Currency::PEN, zone, Announced::default()).unwrap();
    shop(ALL).with_rules(Arc::new(rules))
}

#[test]
fn what_several_sources_find_stands_above_what_one_found() {
    let viewer = shopper(&[(EventKind::ProductViewed, 3)]);
    let both =
        plan("[[sources]]\nname = \"popular\"\nquota = 4\n[[sources]]\nname = \"personal\"\nquota = 4\nweight = 0.5");
    let asked = Query { explain: true, ..query(6) };
    let slate = ask_by(&shop(ALL), &viewer, &asked, &both);
    let twice = slate.items.iter().filter(|item| item.parts.len() == 2).count();
    assert!(twice > 0 && slate.items[..twice].iter().all(|item| item.parts.len() == 2), "{slate:?}");
    assert!(slate.plan.starts_with("test@"));
    for item in &slate.items {
        let sum: f32 = item.parts.iter().map(|part| part.value).sum();
        assert!((sum - item.score).abs() < 1e-6, "{item:?}");
    }
    // The first of a source with weight 1 has 1, its second 61/62.
    let alone = plan("[[sources]]\nname = \"popular\"\n[[sources]]\nname = \"recently_viewed\"");
    let slate = ask_by(&shop(ALL), &Shopper::default(), &query(2), &alone);
    assert_eq!(slate.items.iter().map(|item| item.score).collect::<Vec<_>>(), [1.0, 61.0 / 62.0]);
}

#[test]
fn caps_and_variety_make_room_for_other_kinds() {
    let viewer = shopper(&[(EventKind::ProductViewed, 3), (EventKind::ProductViewed, 5)]);
    let shoes = |slate: &Slate| numbers(slate).iter().filter(|n| *n % 2 == 1).count();
    let relevant = plan("[[sources]]\nname = \"personal\"");
    assert_eq!(shoes(&ask_by(&shop(ALL), &viewer, &query(4), &relevant)), 4);
    let capped = plan("[[sources]]\nname = \"personal\"\n[rerank]\ncaps = { category = 2 }");
    let slate = ask_by(&shop(ALL), &viewer, &query(4), &capped);
    assert_eq!((shoes(&slate), slate.items.len()), (2, 4), "{slate:?}");
    assert!(slate.dropped.iter().any(|(name, n)| name == "cap" && *n > 0), "{slate:?}");
    let varied = plan("[[sources]]\nname = \"personal\"\n[rerank]\ndiversity = 0.9");
    let slate = ask_by(&shop(ALL), &viewer, &query(4), &varied);
    assert!(shoes(&slate) < 4 && numbers(&slate)[1].is_multiple_of(2), "the second is of another kind: {slate:?}");
}

#[test]
fn value_moves_what_sells_for_more_up_within_the_loss_that_is_allowed() {
    let buyer = shopper(&[(EventKind::ProductViewed, 3)]);
    let by = |loss: f32| {
        plan(&format!(
            "[[sources]]\nname = \"personal\"\n[value]\nobjective = \"revenue\"\nexponent = 1\nrelevance_loss_max = {loss}"
        ))
    };
    let price = |slate: &Slate| numbers(slate).iter().sum::<usize>();
    let plain = ask_by(&shop(ALL), &buyer, &query(3), &plan("[[sources]]\nname = \"personal\""));
    let asked = Query { explain: true, ..query(3) };
    let dear = ask_by(&shop(ALL), &buyer, &asked, &by(0.9));
    assert!(price(&dear) > price(&plain), "{dear:?} {plain:?}");
    assert!(dear.items.iter().all(|item| item.parts.iter().any(|part| part.name == "value")));
    assert_eq!(numbers(&ask_by(&shop(ALL), &buyer, &query(3), &by(0.0))), numbers(&plain));

    // Of who looks at p11, the dearest, nobody buys; of who looks at p5, everybody does.
    let person = |kind, product| shopper(&[(kind, product)]).profile().cloned().map(Arc::new).unwrap();
    let lookers = (0..200).map(|_| person(EventKind::ProductViewed, 11));
    let buyers = (0..200).map(|_| person(EventKind::OrderCompleted, 5));
    let now = Timestamp::from_seconds(NOW);
    let shop = shop(ALL);
    let offers = Offers::new(PriceIndex::default(), Replenishment::default(), &shop.shelf, lookers.chain(buyers), now);
    let sold = ask_by(&shop.with_offers(Arc::new(offers)), &buyer, &query(3), &by(0.9));
    assert_eq!((numbers(&dear)[0], numbers(&sold)[0]), (11, 5), "{dear:?} {sold:?}");
}

#[test]
fn a_list_goes_on_where_the_cursor_says_with_nothing_twice() {
    let shop = shop(ALL);
    let viewer = shopper(&[(EventKind::ProductViewed, 3)]);
    let first = ask(&shop, &viewer, &query(5));
    let ids = |slate: &Slate| slate.items.iter().map(|item| item.product_id.clone()).collect::<Vec<_>>();
    let cursor = serve::cursor::after(&[], ids(&first).iter()).unwrap();
    // Whatever the shopper did meanwhile.
    let moved = shopper(&[(EventKind::ProductViewed, 3), (EventKind::ProductViewed, 4)]);
    let next = Query { shown: serve::cursor::parse(&cursor).unwrap(), ..query(5) };
    let second = ask(&shop, &moved, &next);
    assert_eq!(second.items[0].position, 6);
    assert!(ids(&second).iter().all(|id| !ids(&first).contains(id)) && second.items.len() == 5, "{second:?}");
    // Places of pins are those of the whole list.
    let pin = r#"{"rule_id": "r", "action": {"kind": "pin", "product_ids": ["p0"], "position": 7}}"#;
    let rules = vec![serde_json::from_str(pin).unwrap()];
    let rules = Rules::new(1, rules, Currency::PEN, Shop::default().zone(), Announced::default()).unwrap();
    let pinned = shop.with_rules(Arc::new(rules));
    assert!(!first.items.iter().any(|item| item.product_id == id(0)));
    assert_eq!(ids(&ask(&pinned, &viewer, &query(5))), ids(&first));
    assert_eq!(ids(&ask(&pinned, &viewer, &next))[1], id(0));
}

const DAY: i64 = time::DAY;

/// The shop with prices that changed: days before now and amounts, by product.
fn with_prices(shop: Snapshot, prices: &[(usize, &[(i64, i64)])]) -> Snapshot {
    let now = Timestamp::from_seconds(NOW);
    let point = |number: usize, days: i64, minor: i64| PricePoint {
        product_id: id(number),
        at: now - days * DAY,
        price: Some(Money::new(minor, Currency::PEN)),
        available: minor > 0,
    };
    let points: Vec<PricePoint> = prices
        .iter()
        .flat_map(|(number, changes)| changes.iter().map(|(days, minor)| point(*number, *days, *minor)))
        .collect();
    let people: [Arc<Profile>; 0] = [];
    let offers = Offers::new(PriceIndex::of(&points), Replenishment::default(), &shop.shelf, people, now);
    shop.with_offers(Arc::new(offers))
}

#[test]
fn only_what_is_really_cheaper_is_a_deal() {
    // p2 fell by a quarter, p4 was raised before it fell, p6 has always been cheap.
    let prices: &[(usize, &[(i64, i64)])] =
        &[(2, &[(90, 20_000), (3, 15_000)]), (4, &[(90, 10_000), (20, 20_000), (2, 12_000)]), (6, &[(90, 5_000)])];
    let shop = with_prices(shop(ALL), prices);
    let deals = Query { placement: PlacementId::new("deals").unwrap(), ..query(4) };
    let slate = ask(&shop, &Shopper::default(), &deals);
    assert_eq!(numbers(&slate), [2], "{slate:?}");
    assert_eq!(slate.items[0].reason, Reason::RealDeal { percent: 25 });
    assert_eq!(
        serve::reason_text(&slate.items[0].reason, None, serve::Language::Spanish),
        "Oferta real: 25 % bajo su precio habitual"
    );
}

#[test]
fn deals_are_ordered_by_saving_for_who_goes_by_the_price_and_by_taste_for_who_does_not() {
    // p4 saves most; the shopper likes odd products.
    let falls = |to: i64| [(90, 20_000), (3, to)];
    let (half, tenth) = (falls(10_000), falls(18_000));
    let shop = with_prices(shop(ALL), &[(4, &half), (5, &tenth), (7, &tenth)]);
    let deals = Query { placement: PlacementId::new("deals").unwrap(), ..query(3) };
    assert_eq!(numbers(&ask(&shop, &Shopper::default(), &deals))[0], 4);
    let viewer = shopper(&[(EventKind::ProductViewed, 3), (EventKind::ProductViewed, 9)]);
    assert!(numbers(&ask(&shop, &viewer, &deals))[0] % 2 == 1);
}

#[test]
fn who_looked_is_told_that_it_got_cheaper() {
    let viewer = shopper(&[(EventKind::ProductViewed, 3), (EventKind::ProductViewed, 5)]);
    // Both were looked at 99 seconds ago and less; p3 fell since.
    let now = Timestamp::from_seconds(NOW);
    let price = |number, at, minor| PricePoint {
        product_id: id(number),
        at,
        price: Some(Money::new(minor, Currency::PEN)),
        available: true,
    };
    let points =
        [price(3, now - 90 * DAY, 20_000), price(3, now - 10 * time::SECOND, 17_000), price(5, now - 90 * DAY, 9_000)];
    let people: [Arc<Profile>; 0] = [];
    let shop = shop(ALL);
    let offers = Offers::new(PriceIndex::of(&points), Replenishment::default(), &shop.shelf, people, now);
    let seen = plan("[[sources]]\nname = \"recently_viewed\"");
    let slate = ask_by(&shop.with_offers(Arc::new(offers)), &viewer, &query(2), &seen);
    let reasons: Vec<&Reason> = slate.items.iter().map(|item| &item.reason).collect();
    assert_eq!(
        (numbers(&slate), reasons),
        (vec![3, 5], vec![&Reason::PriceDropped { percent: 15 }, &Reason::ViewedBefore])
    );
}

#[test]
fn consumables_come_back_when_they_are_due_and_durables_do_not() {
    let bought = |position: u64, product: usize, days: i64| {
        let mut recorded = event(EventKind::OrderCompleted, position, product);
        recorded.event.occurred_at = Timestamp::from_seconds(NOW) - days * DAY;
        recorded
    };
    let person = |purchases: &[(usize, i64)]| {
        let mut profile = Profile::default();
        for (at, (product, days)) in purchases.iter().enumerate() {
            profile.fold(&bought(at as u64 + 1, *product, *days));
        }
        Arc::new(profile)
    };
    // Everybody buys p2 each month; p3 once.
    let people: Vec<Arc<Profile>> = (0..20).map(|_| person(&[(2, 130), (2, 100), (2, 70), (3, 130)])).collect();
    let shop = shop(ALL);
    let now = Timestamp::from_seconds(NOW);
    let rhythms = Replenishment::learn(people.iter().map(|person| person.history()), now, |_| None);
    let offers = Offers::new(PriceIndex::default(), rhythms, &shop.shelf, &people, now);
    let shop = shop.with_offers(Arc::new(offers));
    let again = plan("[[sources]]\nname = \"buy_again\"");
    let due = |days| ask_by(&shop, &Shopper::of((*person(&[(2, days), (3, days)])).clone()), &query(3), &again);
    let slate = due(30);
    assert_eq!((numbers(&slate), &slate.items[0].reason), (vec![2], &Reason::BuyAgain));
    assert_eq!(numbers(&due(2)), Vec::<usize>::new(), "just bought");
    // And the front page may show it then, while what was bought stays out otherwise.
    let front = |days| numbers(&ask(&shop, &Shopper::of((*person(&[(2, days), (3, days)])).clone()), &query(N)));
    assert!(front(30).contains(&2) && !front(30).contains(&3) && !front(2).contains(&2));
}

#[test]
fn what_was_shown_too_often_without_a_click_pauses() {
    let mut profile = Profile::default();
    profile.fold(&event(EventKind::ProductViewed, 1, 3));
    let before = ask(&shop(ALL), &Shopper::of(profile.clone()), &query(4));
    let first = before.items[0].product_id.clone();
    for showing in 0..12 {
        let mut recorded = event(EventKind::Impression, 10 + showing, 3);
        recorded.event.products = vec![Line::of(first.clone())];
        // The day after it was last touched.
        recorded.event.occurred_at = Timestamp::from_seconds(NOW) + DAY;
        profile.fold(&recorded);
    }
    let later = |n| Query { now: Timestamp::from_seconds(NOW) + DAY, ..query(n) };
    let tired = Shopper::of(profile);
    let slate = ask(&shop(ALL), &tired, &later(4));
    assert!(slate.items.iter().all(|item| item.product_id != first), "{slate:?}");
    assert!(slate.dropped.contains(&("fatigue".to_owned(), 1)), "{slate:?}");
    assert_eq!(ask(&shop(ALL), &tired, &later(N)).items.len(), N, "rather than leave a place empty");
    let month = Query { now: Timestamp::from_seconds(NOW) + 40 * DAY, ..query(4) };
    assert_eq!(ask(&shop(ALL), &tired, &month).items[0].product_id, first, "it is forgotten");
}

#[test]
fn a_page_has_its_rows_in_the_shoppers_order_and_no_product_twice() {
    let viewer = shopper(&[(EventKind::ProductViewed, 3), (EventKind::ProductViewed, 5)]);
    let shop = shop(ALL);
    let ids = || RecommendationId::new("r1").unwrap();
    let rows = |shopper: &Shopper, name: &str, query: &Query, free: Option<Money>| {
        let page = shop.plans.page(name).unwrap().clone();
        let context = PageContext { page: &page, policy: Policy::default(), free_shipping_from: free };
        serve::page(&shop, shopper, query, &context, ids)
    };
    let home = rows(&viewer, "home", &query(10), None);
    let names: Vec<&str> = home.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names[0], "for_you", "{names:?}");
    let mut shown: Vec<&ProductId> =
        home.iter().flat_map(|row| &row.slate.items).map(|item| &item.product_id).collect();
    let n = shown.len();
    shown.sort();
    shown.dedup();
    assert_eq!(shown.len(), n);
    // What somebody viewed last names the row, in both languages.
    let page = Page::parse(
        "own",
        "rows_max = 2\n[[rows]]\nname = \"b\"\nplan = \"product\"\nabout = \"last_viewed\"\nn = 3\n\
         title = { es = \"Porque viste {product}\", en = \"Because you viewed {product}\" }",
        Currency::PEN,
        &shop.plans,
    );
    let page = page.unwrap();
    let context = PageContext { page: &page, policy: Policy::default(), free_shipping_from: None };
    let own = serve::page(&shop, &viewer, &query(10), &context, ids);
    assert_eq!(own[0].title.es, "Porque viste Producto 5");
    assert!(serve::page(&shop, &Shopper::default(), &query(10), &context, ids).is_empty(), "nothing was viewed");
    // A cart of S/ 31 that lacks S/ 29 to free delivery: fillers cost that much or up to three times as much.
    let cart = Query { placement: PlacementId::new("cart").unwrap(), cart: vec![id(3)], ..query(10) };
    let beside = rows(&Shopper::default(), "cart", &cart, Some(Money::new(6_000, Currency::PEN)));
    assert_eq!(
        (beside[0].name.as_str(), beside[0].title.en.as_str()),
        ("free_shipping", "S/ 29.00 to go for free delivery")
    );
    assert!(numbers(&beside[0].slate).iter().all(|n| (3..=8).contains(n)), "{:?}", beside[0].slate);
    let none = rows(&Shopper::default(), "cart", &cart, None);
    assert!(none.iter().all(|row| row.name != "free_shipping"));
}

#[test]
fn a_wrong_page_is_refused_with_what_is_wrong() {
    let parse = |rows: &str| {
        let text = format!("rows_max = 1\n[[rows]]\nname = \"a\"\ntitle = {{ es = \"\", en = \"\" }}\n{rows}");
        Page::parse("own", &text, Currency::PEN, &serve::Plans::default()).map(drop).unwrap_err().to_string()
    };
    for (rows, wanted) in [
        ("plan = \"nothing\"", "row \"a\": there is no plan \"nothing\""),
        ("", "wanted either `plan` or `source`"),
        ("source = \"search\"", "search is no source of a plan"),
        ("plan = \"home\"\nn = 0", "n must be 1 to 100"),
        ("plan = \"home\"\nabout = \"yesterday\"", "unknown variant `yesterday`"),
    ] {
        let error = parse(rows);
        assert!(error.contains(wanted), "{rows}: {error}");
    }
}

#[test]
fn conflicts_are_told_with_the_reason() {
    let told = |rules: &[&str]| -> Vec<(&'static str, String)> {
        let shop = shop_with_rules(rules);
        let found = serve::rules::conflicts(&shop, Timestamp::from_seconds(NOW));
        found.into_iter().map(|conflict| (conflict.code, conflict.detail)).collect()
    };
    let pin = r#""action": {"kind": "pin", "product_ids": ["p2"], "position": 1}"#;
    let cups_out = r#""where": "category = 'Tazas'", "action": {"kind": "exclude"}"#;
    let boost = r#""where": "category = 'Tazas'", "action": {"kind": "boost", "factor": 2}"#;
    let codes = |rules: &[&str]| told(rules).into_iter().map(|(code, _)| code).collect::<Vec<_>>();
    assert_eq!(codes(&[pin, boost]), Vec::<&str>::new());
    assert_eq!(told(&[pin, cups_out])[0].1, "r0 pins p2, which r1 excludes: excluded wins");
    assert_eq!(codes(&[boost, cups_out]), ["always_excluded"]);
    assert_eq!(codes(&[cups_out, boost]), ["always_excluded"], "in whichever order");
    assert_eq!(
        codes(&[r#""where": "price > 10", "action": {"kind": "boost", "factor": 2}"#, cups_out]),
        ["partly_excluded"]
    );
    assert_eq!(
        codes(&[boost, r#""where": "category = 'Tazas'", "action": {"kind": "bury", "factor": 0.5}"#]),
        ["boost_and_bury"]
    );
    assert_eq!(codes(&[pin, r#""action": {"kind": "pin", "product_ids": ["p4"], "position": 1}"#]), ["pins_collide"]);
    assert_eq!(codes(&[pin, r#""action": {"kind": "pin", "product_ids": ["p2"], "position": 5}"#]), ["pinned_twice"]);
    assert_eq!(codes(&[r#""action": {"kind": "pin", "product_ids": ["nope"], "position": 1}"#]), ["pin_not_shown"]);
    assert_eq!(codes(&[r#""where": "brand = 'Nadie'", "action": {"kind": "exclude"}"#]), ["no_products"]);
    let on = |day: &str, rest: &str| format!(r#""target": {{"schedule": {{"weekdays": ["{day}"]}}}}, {rest}"#);
    assert_eq!(codes(&[&on("mon", pin), &on("tue", cups_out)]), Vec::<&str>::new(), "they never meet");
}

#[test]
fn rules_do_what_merchandisers_ask() {
    let nobody = Shopper::default();
    let slate = |rules: &[&str], n: usize| ask(&shop_with_rules(rules), &nobody, &query(n));
    let plain = numbers(&slate(&[], 4));
    assert_eq!(slate(&[], 4).rules_version, Some(1));
    // Exclude, by name in `dropped`.
    let excluded = slate(&[r#""where": "category = 'Tazas'", "action": {"kind": "exclude"}"#], 4);
    assert!(numbers(&excluded).iter().all(|n| n % 2 == 1), "{excluded:?}");
    assert!(excluded.dropped.iter().any(|(name, _)| name == "rule:r0"));
    // Boost and bury, whichever source it is that answers.
    let last = *numbers(&slate(&[], N)).last().unwrap();
    let boost = format!(r#""where": "product_id = 'p{last}'", "action": {{"kind": "boost", "factor": 10}}"#);
    assert_eq!(numbers(&slate(&[&boost], 4))[0], last);
    let bury = format!(r#""where": "product_id = 'p{}'", "action": {{"kind": "bury", "factor": 0.01}}"#, plain[0]);
    assert!(!numbers(&slate(&[&bury], 4)).contains(&plain[0]));
    // Pin: where it shall be, once.
    let pin = format!(r#""action": {{"kind": "pin", "product_ids": ["p{last}", "p{}"], "position": 2}}"#, plain[0]);
    let pinned = slate(&[&pin], 4);
    assert_eq!(numbers(&pinned), [plain[1], last, plain[0], plain[2]]);
    assert_eq!(pinned.items[1].reason, Reason::Selected);
    // Include: so many places, the best of its products, at the end.
    let include =
        format!(r#""where": "product_id in ('p{last}', 'p{}')", "action": {{"kind": "include", "places": 1}}"#, N + 5);
    assert_eq!(numbers(&slate(&[&include], 4)), [plain[0], plain[1], plain[2], last]);
    let lately = r#""where": "age_days < 3", "action": {"kind": "include", "places": 1}"#;
    let mut products: Vec<Arc<Product>> = shelf().products().cloned().collect();
    let mut new = (*products[last]).clone();
    new.listed_at = Some(Timestamp::from_seconds(NOW) - DAY);
    products[last] = Arc::new(new);
    let before = shop_with_rules(&[lately]);
    let shop = before.renewed(before.models.clone(), Arc::new(Shelf::new(products)));
    assert_eq!(numbers(&ask(&shop, &nobody, &query(4)))[3], last, "also where time decides");
    let later = Query { now: Timestamp::from_seconds(NOW) + 5 * DAY, ..query(4) };
    assert!(!numbers(&ask(&shop, &nobody, &later)).contains(&last));
    // Cap without an attribute: so many of them in all.
    let cap = slate(&[r#""where": "category = 'Zapatos'", "action": {"kind": "cap", "max": 1}"#], 4);
    assert_eq!(numbers(&cap).iter().filter(|n| *n % 2 == 1).count(), 1);
    // A cap holds for what is included, and what it kept off is refused, not outranked.
    let both = [
        r#""where": "category = 'Zapatos'", "action": {"kind": "cap", "max": 1}"#,
        r#""where": "category = 'Zapatos'", "action": {"kind": "include", "places": 3}"#,
    ];
    assert_eq!(numbers(&slate(&both, 4)).iter().filter(|n| *n % 2 == 1).count(), 1);
    let shop = shop_with_rules(&both[..1]);
    let id = RecommendationId::new("r1").unwrap();
    let (story, trail) = serve::recommend_traced(&shop, &nobody, &query(4), Policy::default(), id);
    let trace = trail.trace(&shop, story);
    let kept_off = trace.refused.iter().find(|refused| refused.by == "cap").unwrap();
    assert_eq!(trace.verdict(&kept_off.product_id), serve::trace::Verdict::Refused { by: "cap".to_owned() });
    let varied = slate(&[r#""action": {"kind": "diversify", "strength": 1.0}"#], 4);
    assert_eq!(numbers(&varied).iter().filter(|n| *n % 2 == 1).count(), 2);
}

#[test]
fn the_same_attribute_as_the_product_that_is_looked_at() {
    let shop = shop_with_rules(&[
        r#""target": {"placements": ["product"]}, "action": {"kind": "same", "attribute": "category"}"#,
    ]);
    let slate = ask(&shop, &Shopper::default(), &page(vec![id(4)], N));
    assert_eq!(slate.items.len(), N / 2 - 1);
    assert!(numbers(&slate).iter().all(|n| n % 2 == 0), "{slate:?}");
    assert_eq!(ask(&shop, &Shopper::default(), &query(N)).items.len(), N, "the front page has nothing to go by");
}

#[test]
fn a_rule_holds_where_when_and_for_whom_it_is_meant() {
    let exclude = |target: &str| {
        shop_with_rules(&[&format!(r#""target": {target}, "where": "stock is null", "action": {{"kind": "exclude"}}"#)])
    };
    // The moment is Saturday, 25 July 2026, a quarter past noon in Lima.
    for (target, holds) in [
        ("{}", true),
        (r#"{"placements": ["cart"]}"#, false),
        (r#"{"segments": ["vip"]}"#, true),
        (r#"{"segments": ["new"]}"#, true),
        (r#"{"segments": ["frequent"]}"#, false),
        (r#"{"schedule": {"weekdays": ["sat"], "hours": [12, 13]}}"#, true),
        (r#"{"schedule": {"hours": [17, 18]}}"#, false),
        (r#"{"schedule": {"occasions": ["fiestas-patrias"]}}"#, true),
        (r#"{"schedule": {"occasions": ["navidad"]}}"#, false),
    ] {
        let asked = Query { segments: vec!["vip".to_owned()], ..query(4) };
        let slate = ask(&exclude(target), &Shopper::default(), &asked);
        assert_eq!(slate.items.is_empty(), holds, "{target}: {slate:?}");
    }
}

#[test]
fn a_pin_of_what_may_not_be_shown_is_refused_with_the_reason() {
    let viewer = shopper(&[(EventKind::OrderCompleted, 1)]);
    let pin = r#""action": {"kind": "pin", "product_ids": ["p1", "nothing"], "position": 1}"#;
    let exclude = r#""where": "product_id = 'p2'", "action": {"kind": "exclude"}"#;
    let other = r#""action": {"kind": "pin", "product_ids": ["p2"], "position": 3}"#;
    let slate = ask(&shop_with_rules(&[pin, exclude, other]), &viewer, &query(4));
    let refused: Vec<&str> =
        slate.notices.iter().filter(|n| n.code == "pin_refused").map(|n| n.detail.as_str()).collect();
    assert_eq!(refused.len(), 3, "{slate:?}");
    assert!(
        refused[0].ends_with("p1 in place 1: purchased") && refused[1].ends_with("nothing in place 2: not_in_catalog")
    );
    assert!(refused[2].ends_with("p2 in place 3: rule:r1"));
    assert_eq!(slate.items.len(), 4);
}

#[test]
fn a_changed_product_is_asked_anew_by_the_rules() {
    let before = shop_with_rules(&[r#""where": "stock = 0", "action": {"kind": "exclude"}"#]);
    assert_eq!(ask(&before, &Shopper::default(), &query(N)).items.len(), N);
    let mut products: Vec<Arc<Product>> = before.shelf.products().cloned().collect();
    let mut gone = (*products[3]).clone();
    gone.stock = Some(0);
    products[3] = Arc::new(gone);
    let after = before.renewed(before.models.clone(), Arc::new(Shelf::new(products)));
    assert_eq!(ask(&after, &Shopper::default(), &query(N)).items.len(), N - 1);
}

#[test]
fn a_placement_without_a_plan_gets_one_that_suits_and_says_so() {
    let elsewhere = |query: Query| Query { placement: PlacementId::new("app-drawer").unwrap(), ..query };
    let notice = |slate: &Slate| slate.notices.iter().find(|n| n.code == "no_plan").map(|n| n.detail.clone());
    let slate = ask(&shop(ALL), &Shopper::default(), &elsewhere(query(2)));
    assert_eq!(notice(&slate).unwrap(), "app-drawer has no plan of its own and got that of home");
    let slate = ask(&shop(ALL), &Shopper::default(), &elsewhere(page(vec![id(3)], 2)));
    assert!(slate.plan.starts_with("product@") && notice(&slate).is_some(), "{slate:?}");
    assert_eq!(notice(&ask(&shop(ALL), &Shopper::default(), &query(2))), None);
}

#[test]
fn of_a_products_variants_and_listings_one_is_shown_the_cheapest_that_can_be_had() {
    // The second listing of the cup costs less; the first would come first.
    let before = market();
    let cheaper = before.products().map(|product| {
        let mut product = (**product).clone();
        if product.product_id == id(2) {
            product.price = Some(Money::new(4_790, Currency::PEN));
        }
        Arc::new(product)
    });
    let market = Arc::new(Shelf::new(cheaper.collect()));
    let snapshot = Snapshot::new(Arc::new(ModelSet::default()), market.clone());
    let listings = Arc::new(Listings::read(&market, Currency::PEN, Language::Spanish));
    let snapshot = snapshot.with_listings(listings.clone());
    let policy = Policy { hide_duplicates: true, ..Policy::default() };
    let slate =
        |query: &Query| recommend(&snapshot, &Shopper::default(), query, policy, RecommendationId::new("r1").unwrap());
    let all = slate(&query(500));
    let group = |item: &SlateItem| listings.group(&item.product_id);
    let doubled: Vec<&SlateItem> = all.items.iter().filter(|item| group(item).is_some()).collect();
    assert_eq!(doubled.iter().map(|item| item.product_id.clone()).collect::<Vec<_>>(), [id(2)]);
    for item in doubled {
        let price = |id: &ProductId| market.get(id).unwrap().price.unwrap().minor;
        let cheapest = listings.offers(&item.product_id).iter().map(price).min().unwrap();
        assert_eq!(price(&item.product_id), cheapest, "{item:?}");
    }

    // A pin of the dearer listing: it stands where it shall, and the other makes room.
    let pin = r#"{"rule_id": "r", "action": {"kind": "pin", "product_ids": ["p0"], "position": 1}}"#;
    let rules = vec![serde_json::from_str(pin).unwrap()];
    let rules = Rules::new(1, rules, Currency::PEN, Shop::default().zone(), Announced::default()).unwrap();
    let pinned = snapshot.clone().with_rules(Arc::new(rules));
    let pinned = recommend(&pinned, &Shopper::default(), &query(N), policy, RecommendationId::new("r1").unwrap());
    assert!(numbers(&pinned)[0] == 0 && !numbers(&pinned).contains(&2), "{pinned:?}");

    let variants: Vec<Arc<Product>> = shelf()
        .products()
        .map(|product| {
            let mut product = (**product).clone();
            product.item_group_id =
                Some(if product.category() == Some("Tazas") { "taza" } else { "zapato" }.to_owned());
            // The first cup is sold out.
            product.stock = (product.product_id == id(0)).then_some(0);
            Arc::new(product)
        })
        .collect();
    let snapshot = Snapshot::new(Arc::new(models(ALL)), Arc::new(Shelf::new(variants)));
    let available = Query { filters: Filters { available: true, ..Filters::default() }, ..query(N) };
    let slate = recommend(&snapshot, &Shopper::default(), &available, policy, RecommendationId::new("r1").unwrap());
    assert_eq!((slate.items.len(), numbers(&slate).contains(&0)), (2, false), "{slate:?}");
    assert!(slate.dropped.iter().any(|(name, n)| name == "variant" && *n == N - 3), "{slate:?}");
}

#[test]
fn who_sells_is_not_recommended_what_is_theirs() {
    let shelf = shelf();
    let products = shelf.products().enumerate().map(|(at, product)| {
        let mut product = (**product).clone();
        product.seller = Some(if at < 4 { "Inca SAC" } else { "Otro" }.to_owned());
        Arc::new(product)
    });
    let snapshot = Snapshot::new(Arc::new(models(ALL)), Arc::new(Shelf::new(products.collect())));
    let seller = Query { seller: Some("Inca SAC".to_owned()), ..query(N) };
    let slate = ask(&snapshot, &Shopper::default(), &seller);
    assert!(slate.items.len() == N - 4 && slate.dropped.contains(&("own_product".to_owned(), 4)), "{slate:?}");
}

#[test]
fn when_the_time_is_up_what_is_ranked_already_is_shown() {
    let viewer = shopper(&[(EventKind::ProductViewed, 3)]);
    let late = || true;
    let policy = Policy { deadline: Some(serve::Deadline(&late)), ..Policy::default() };
    let slate = recommend(&shop(ALL), &viewer, &query(4), policy, RecommendationId::new("r1").unwrap());
    assert_eq!((slate.items.len(), slate.strategy.as_str()), (4, "category"), "{slate:?}");
    let notice = slate.notices.iter().find(|notice| notice.code == "late").unwrap();
    assert!(notice.detail.starts_with("no time was left for personal, item_to_item"), "{notice:?}");
    let early = || false;
    let policy = Policy { deadline: Some(serve::Deadline(&early)), ..Policy::default() };
    let slate = recommend(&shop(ALL), &viewer, &query(4), policy, RecommendationId::new("r1").unwrap());
    assert_eq!((slate.strategy.as_str(), slate.notices.len()), ("personal", 0));
}
