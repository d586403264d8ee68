use super::*;

fn offer<'a>(name: &'a str, seller: &'a str, price: f64) -> Listing<'a> {
    Listing { name, seller: Some(seller), price: Some(price), ..Listing::default() }
}

/// A small market: pairs that are one product stand together.
fn market() -> Vec<Listing<'static>> {
    vec![
        offer("Aspiradora Deerma DX888 Multifuncional 3 en 1", "Norte", 229.0),
        offer("Aspiradora DEERMA DX888 multifuncional 3 en 1", "Sur", 237.0),
        offer("Leche Gloria Entera Bolsa 1.5 L", "Norte", 9.0),
        offer("Leche Gloria Entera Bolsa 1500 ml", "Sur", 9.2),
        offer("Leche Gloria Entera Bolsa 3 L", "Este", 9.1),
        offer("Freidora de Aire Oster CN9678 Digital", "Norte", 369.0),
        offer("Freidora de Aire Oster CN9680 Digital", "Sur", 369.0),
        offer("Coche Bastón Infanti Adventure Gris", "Norte", 249.0),
        offer("Coche Bastón Infanti Adventure Azul", "Sur", 249.0),
        offer("Cargador Samsung 25W Adaptador para Galaxy A32...", "Norte", 85.0),
        offer("Cargador Samsung 25W Adaptador para Galaxy S23...", "Sur", 85.0),
        offer("Refrigeradora Mabe 250 L No Frost", "Norte", 1299.0),
        offer("Refrigeradora Mabe 250 L No Frost", "Sur", 199.0),
    ]
}

fn groups(offers: &[Listing]) -> Vec<Vec<u32>> {
    Listings::read(offers, Language::Spanish).groups(&HEAD)
}

#[test]
fn one_product_from_several_sellers_is_a_group_and_a_variant_is_not() {
    assert_eq!(groups(&market()), [[0, 1], [2, 3]]);
}

#[test]
fn a_price_that_is_not_known_is_no_agreement() {
    let mut offers = market();
    offers.push(offer("Zapatillas urbanas mujer", "Norte", 89.0));
    offers.push(offer("Zapatillas urbanas blancas mujer", "Sur", 89.0));
    assert_eq!(groups(&offers), [[0, 1], [2, 3], [13, 14]]);
    offers[14].price = None;
    assert_eq!(groups(&offers), [[0, 1], [2, 3]]);
}

#[test]
fn what_states_no_seller_is_of_one_the_shop() {
    let mut offers = market();
    offers.iter_mut().for_each(|offer| offer.seller = None);
    assert!(groups(&offers).is_empty(), "a shop that asks two prices sells two things");
    offers[3].price = offers[2].price;
    assert_eq!(groups(&offers), [[2, 3]]);
}

#[test]
fn stated_brands_that_differ_part_listings() {
    let mut offers = market();
    offers[0].brand = Some("Deerma");
    offers[1].brand = Some("DEERMA");
    assert_eq!(groups(&offers)[0], [0, 1]);
    offers[1].brand = Some("Xiaomi");
    assert_eq!(groups(&offers), [[2, 3]]);
}

#[test]
fn groups_do_not_follow_from_the_order_of_the_catalogue() {
    let offers = market();
    let mut turned: Vec<Listing> = offers.clone();
    turned.reverse();
    let last = offers.len() as u32 - 1;
    let mut back: Vec<Vec<u32>> =
        groups(&turned).into_iter().map(|group| group.into_iter().rev().map(|place| last - place).collect()).collect();
    back.sort();
    assert_eq!(back, groups(&offers));
}

#[test]
fn a_chain_of_near_misses_does_not_become_one_group() {
    let link = |a, b, probability| groups::Link { a, b, probability };
    let chain = |a: u32, b: u32| a.abs_diff(b) == 1;
    let mut links = [link(0, 1, 0.9), link(1, 2, 0.8), link(2, 3, 0.85)];
    assert_eq!(groups::complete_link(&mut links, chain), [[0, 1], [2, 3]]);
    let mut all: Vec<groups::Link> = (0..3).flat_map(|a| (a + 1..4).map(move |b| link(a, b, 0.9))).collect();
    assert_eq!(groups::complete_link(&mut all, |_, _| true), [[0, 1, 2, 3]]);
}

#[test]
fn blocking_finds_every_pair_above_its_cosine() {
    let names = [
        "taza roja grande",
        "taza azul",
        "plato hondo rojo",
        "taza",
        "plato",
        "mesa",
        "mesa roja",
        "silla azul grande",
    ];
    let names: Vec<String> = (0..120).map(|i| format!("{} {} {}", names[i % 8], names[i / 8 % 8], i % 5)).collect();
    let offers: Vec<Listing> = names.iter().map(|name| offer(name, "Norte", 1.0)).collect();
    let listings = Listings::read(&offers, Language::Spanish);
    let n = offers.len() as u32;
    let all: Vec<(u32, u32)> = (0..n)
        .flat_map(|a| (a + 1..n).map(move |b| (a, b)))
        .filter(|&(a, b)| listings.cosine(a, b) >= COSINE_MIN)
        .collect();
    assert!(all.len() > 500, "{}", all.len());
    assert_eq!(listings.candidates(), all);
}

#[test]
fn a_cut_name_loses_only_what_was_cut() {
    assert_eq!(uncut("Zapatillas Puma Caven 2.0 Ne..."), "Zapatillas Puma Caven 2.0");
    assert_eq!(uncut("Zapatillas Puma"), "Zapatillas Puma");
    assert_eq!(uncut("Supercalifra…"), "Supercalifra");
    assert!(is_cut("a b... ") && !is_cut("a b."));
    // Nothing to read is no reason to group.
    let nothing = [offer("", "Norte", 1.0), offer("...", "Sur", 1.0), offer("🎁", "Este", f64::NAN)];
    assert!(groups(&nothing).is_empty());
}
