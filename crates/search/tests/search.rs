//! A shop of a dozen products, asked as shoppers ask.

use domain::{Product, ProductId};
use search::{Found, Index, Matched};
use text::words::Language;

fn product(id: &str, name: &str, category: &str) -> Product {
    Product { categories: vec![category.into()], ..Product::new(ProductId::new(id).unwrap(), name) }
}

fn shop() -> Vec<Product> {
    let mut shop = vec![
        product("z1", "Zapatillas Running para Mujer", "Zapatillas"),
        product("z2", "Zapatilla Running Hombre", "Zapatillas"),
        product("z3", "Zapatos de cuero", "Calzado"),
        product("r1", "Refrigeradora LG 420 L", "Línea blanca"),
        product("a1", "Agua mineral San Luis 1.5 L", "Bebidas"),
        product("a2", "Agua mineral San Luis 625 ml", "Bebidas"),
        product("d1", "Detergente líquido", "Limpieza"),
        product("c1", "Camión de juguete", "Juguetes"),
        product("l1", "Leche Gloria", "Lácteos"),
        product("l2", "Leche Gloria entera lata 400 g", "Lácteos"),
        product("l3", "Chocolate con leche", "Dulces"),
    ];
    shop[3].brand = Some("LG".into());
    shop[3].description = "Puerta con dispensador de agua".into();
    shop[0].attributes.insert("color".into(), "Turquesa".into());
    shop
}

fn index() -> Index {
    let index = Index::new(Language::Spanish).unwrap();
    index.sync(shop().iter()).unwrap();
    index
}

fn ids(found: &Found) -> Vec<&str> {
    let mut hits = found.hits.clone();
    hits.sort_by(Found::order);
    hits.iter().map(|hit| found.product_id(hit).as_str()).collect()
}

/// The products that have all the words.
fn full(index: &Index, text: &str) -> Vec<String> {
    let mut found = index.search(text).unwrap();
    found.hits.retain(|hit| hit.matched >= Matched::All);
    let mut ids: Vec<String> = ids(&found).into_iter().map(str::to_owned).collect();
    ids.sort_unstable();
    ids
}

#[test]
fn accents_plurals_units_and_stop_words_are_read_as_in_products() {
    let index = index();
    for (text, wanted) in [
        ("ZAPATILLAS", &["z1", "z2"][..]),
        ("zapatilla de mujer", &["z1"]),
        ("camiones", &["c1"]),
        ("camion", &["c1"]),
        ("agua 1500ml", &["a1"]),
        ("agua 1,5 lt", &["a1"]),
        ("linea blanca", &["r1"]),
        ("turquesa", &["z1"]),
        ("dispensador", &["r1"]),
        ("lg", &["r1"]),
    ] {
        assert_eq!(full(&index, text), wanted, "{text}");
    }
}

#[test]
fn typos_are_corrected_by_the_length_of_the_word_and_told() {
    let index = index();
    for (text, wanted, to) in [
        ("zapatilas mujer", "z1", "zapatillas"),
        ("refrijeradora ", "r1", "refrigeradora"),
        ("refirjeradora ", "r1", "refrigeradora"),
        ("lehce gloria", "l1", "leche"),
    ] {
        let found = index.search(text).unwrap();
        assert_eq!(ids(&found)[0], wanted, "{text}");
        assert_eq!(found.corrected[0].to, to, "{text}");
    }
    // Three letters and numbers mean what they say.
    for text in ["lx ", "626ml", "qwertyuiop"] {
        let found = index.search(text).unwrap();
        assert!(found.hits.is_empty() && found.corrected.is_empty(), "{text}: {:?}", ids(&found));
        assert_eq!(found.unknown.len(), 1, "{text}");
    }
}

#[test]
fn an_unfinished_last_word_is_completed() {
    let index = index();
    assert_eq!(full(&index, "deter"), ["d1"]);
    assert_eq!(full(&index, "de"), ["d1"], "a stop word on the way to a word");
    assert_eq!(full(&index, "agua mine"), ["a1", "a2"]);
    assert!(index.search("deter ").unwrap().hits.is_empty(), "a space ends the word");
}

#[test]
fn the_name_itself_stands_first_and_more_words_stand_above_fewer() {
    let index = index();
    let found = index.search("leche gloria").unwrap();
    assert_eq!(ids(&found), ["l1", "l2", "l3"]);
    let matched: Vec<Matched> = found.hits.iter().map(|hit| hit.matched).collect();
    assert_eq!(matched.iter().filter(|matched| **matched == Matched::Name).count(), 1);
    assert_eq!(found.highlights("Leche Gloria entera", Language::Spanish), ["Leche", "Gloria"]);
}

#[test]
fn the_index_follows_the_catalogue() {
    let index = index();
    let mut shop = shop();
    assert_eq!(index.sync(shop.iter()).unwrap(), search::Changes::default(), "nothing changed");

    shop[2].name = "Botas de cuero".into();
    shop.remove(0);
    shop.push(product("n1", "Ukelele soprano", "Música"));
    let before = index.search("zapatillas").unwrap();
    let changes = index.sync(shop.iter()).unwrap();
    assert_eq!((changes.upserted, changes.deleted, index.len()), (2, 1, 11));
    assert_eq!(ids(&before).len(), 2, "who searched before keeps what was found");
    assert_eq!(full(&index, "zapatillas"), ["z2"]);
    assert_eq!(full(&index, "ukelele"), ["n1"]);
    assert_eq!(full(&index, "botas"), ["z3"]);
    assert!(full(&index, "turquesa").is_empty());
    assert_eq!(index.search("ukulele ").unwrap().corrected[0].to, "ukelele", "new words are known for typos at once");
    assert!(index.search("turqueza ").unwrap().corrected.is_empty(), "gone words are not");

    index.sync(std::iter::empty()).unwrap();
    assert!(index.is_empty() && index.search("agua").unwrap().hits.is_empty());
}

#[test]
fn any_text_is_a_search() {
    let index = index();
    let long = "a".repeat(1 << 20);
    let many = "leche ".repeat(100_000);
    for text in [
        "",
        "   ",
        "🎁",
        "\"leche",
        "name:leche AND -gloria",
        "(((",
        "leche^1000",
        "*",
        "[a TO z]",
        "\\",
        "\0\u{202e}",
        "молоко 牛奶 leche",
        "<script>alert(1)</script>",
        "%00%ff",
        "para los de",
        &long,
        &many,
    ] {
        index.search(text).unwrap();
    }
    assert_eq!(full(&index, "<b>leche</b> \"gloria\" 🥛"), ["l1", "l2"]);
    assert!(full(&index, "name:dispensador").is_empty(), "there are no fields to name: `name` is a word");
}
