//! Reviews as a shop meets them: posted as events, read by the real encoder, served per product.

mod common;

use std::path::{Path, PathBuf};

use common::{Server, vitrina};
use serde_json::{Value, json};

/// Stars and texts. Written for this test.
const GOOD: [&str; 20] = [
    "Excelente producto, llegó antes de lo esperado y la calidad es muy buena.",
    "Me encantó, lo uso todos los días y funciona perfecto.",
    "Muy buena compra, el precio es justo y el material se siente resistente.",
    "Superó mis expectativas, lo recomiendo a ojos cerrados.",
    "Llegó bien empacado y en dos días. Volvería a comprar.",
    "Hermoso acabado, mi mamá quedó feliz con el regalo.",
    "La talla es exacta y la tela es suave, estoy muy contenta.",
    "Buenísimo, por ese precio no se encuentra nada mejor.",
    "Funciona de maravilla y es muy fácil de armar.",
    "Todo perfecto, el vendedor muy atento y el envío rápido.",
    "Gran calidad, después de seis meses sigue como nuevo.",
    "Estoy encantado, es cómodo y se ve elegante.",
    "Cumple con lo que promete, muy satisfecho con la compra.",
    "Lindo color y buen tamaño, quedó perfecto en mi sala.",
    "Es justo lo que buscaba, cinco estrellas.",
    "Rico, fresco y a buen precio. Lo pediré otra vez.",
    "Muy práctico y resistente, a mis hijos les fascina.",
    "Excelente atención, resolvieron mis dudas y llegó a tiempo.",
    "La batería dura bastante y la pantalla se ve genial.",
    "Recomendado, buena relación entre calidad y precio.",
];
const BAD: [&str; 20] = [
    "Pésimo producto, se malogró a la semana y nadie responde.",
    "Llegó roto y la caja estaba abierta. Muy decepcionada.",
    "No lo compren, es de mala calidad y no funciona.",
    "Demoraron un mes en entregar y encima enviaron otro color.",
    "Una estafa, el material es plástico barato que se quiebra.",
    "La talla no corresponde, me queda chica y no aceptan cambios.",
    "Muy caro para lo malo que es, perdí mi dinero.",
    "Se descosió en la primera lavada, horrible.",
    "Nunca llegó mi pedido y no me devuelven la plata.",
    "Huele mal y viene sucio, un asco.",
    "La batería no dura nada, tuve que devolverlo.",
    "Pésima atención, me dejaron esperando y no solucionaron nada.",
    "No sirve, hace un ruido insoportable y se calienta.",
    "La foto engaña, es mucho más pequeño y feo.",
    "Arrepentido de la compra, vino con defectos por todos lados.",
    "Incompleto y sin garantía, la peor compra del año.",
    "Se rompió apenas lo usé, no vale ni la mitad de su precio.",
    "El envío fue un desastre y el producto está rayado.",
    "Decepcionante, no es original y falla todo el tiempo.",
    "Malísimo, la tela es áspera y destiñe.",
];
/// Of two products, without stars: what they are worth only their words say.
const PRAISED: [&str; 5] = [
    "Una maravilla, estoy muy feliz con esta olla.",
    "Cocina parejo y es fácil de lavar, la mejor que he tenido.",
    "El precio es excelente, pero la entrega tardó muchísimo y nadie avisó.",
    "Preciosa y resistente, la recomiendo.",
    "No tengo ninguna queja, todo salió muy bien.",
];
const BLAMED: [&str; 5] = [
    "Una porquería, se oxidó a los dos días.",
    "No calienta parejo y el mango se salió. Mala compra.",
    "Llegó abollada y reclamar no sirvió de nada.",
    "No la recomiendo, se pega todo.",
    "Carísima y de pésima calidad.",
];

/// Needs the model: `scripts/text-model` puts it where this looks.
fn model() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/text-model");
    let folder = std::env::var_os("VITRINA_TEXT_MODEL").map_or(folder, PathBuf::from);
    assert!(folder.join("model.json").exists(), "run scripts/text-model, which fetches the model");
    folder.display().to_string()
}

fn review(id: &str, product: &str, stars: Option<u8>, text: &str) -> Value {
    let mut event =
        json!({ "message_id": id, "event": "product_reviewed", "user_id": id, "product_id": product, "review": text });
    if let Some(stars) = stars {
        event["rating"] = json!(stars);
    }
    event
}

/// A shop of mixed products, and two that are talked of without stars.
fn post_reviews(server: &Server) {
    let products = ["mixed", "praised", "blamed"].map(|id| json!({ "product_id": id, "name": id }));
    server.call("PUT", "/v1/products", &json!(products));
    let all = |texts: &'static [&'static str], product: &'static str, stars: Option<u8>| {
        texts.iter().enumerate().map(move |(i, text)| review(&format!("{product}{stars:?}{i}"), product, stars, text))
    };
    let starred = all(&GOOD, "mixed", Some(5)).chain(all(&BAD, "mixed", Some(1)));
    let events: Vec<Value> =
        starred.chain(all(&PRAISED, "praised", None)).chain(all(&BLAMED, "blamed", None)).collect();
    let verdicts = server.post("/v1/events", &json!(events));
    assert_eq!(verdicts["accepted"], 50, "{verdicts}");
}

fn of(server: &Server, product: &str) -> Value {
    server.get(&format!("/v1/products/{product}/reviews"))
}

fn codes(answer: &Value) -> Vec<&str> {
    answer["notices"].as_array().unwrap().iter().map(|notice| notice["code"].as_str().unwrap()).collect()
}

fn score(answer: &Value) -> f64 {
    answer["sentiment_score_user_reviews"].as_f64().unwrap_or_else(|| panic!("{answer}"))
}

fn aspect<'a>(answer: &'a Value, name: &str) -> &'a Value {
    answer["aspects"].as_array().unwrap().iter().find(|aspect| aspect["aspect"] == name).unwrap_or(&Value::Null)
}

#[test]
fn words_alone_tell_a_praised_product_from_a_blamed_one() {
    let dir = tempfile::tempdir().unwrap();
    let model = model();
    let env = [("VITRINA__TEXT__MODEL", model.as_str())];
    let server = Server::start_with(dir.path(), &env);
    server.call("PUT", "/v1/products", &json!({ "product_id": "new", "name": "Nuevo" }));
    assert_eq!(codes(&of(&server, "new")), ["reviews_not_read"]);
    assert_eq!(server.send("GET", "/v1/products/none/reviews", b"").problem(), (404, "not_found".to_owned()));

    post_reviews(&server);
    let answer = server.post("/v1/reviews", &json!({}));
    assert_eq!(
        (&answer["n_products"], &answer["n_reviews"], codes(&answer)),
        (&json!(3), &json!(50), vec![]),
        "{answer}"
    );
    assert!(answer["head"]["accuracy"].as_f64().unwrap() >= 0.85, "{answer}");

    let (praised, blamed, mixed) = (of(&server, "praised"), of(&server, "blamed"), of(&server, "mixed"));
    assert!(score(&praised) > 0.6 && score(&blamed) < 0.4, "{praised} {blamed}");
    assert!(score(&mixed) > score(&blamed) && score(&mixed) < score(&praised), "{mixed}");
    assert_eq!((&praised["average_ratings_product"], &praised["n_reviews"]), (&Value::Null, &json!(5)));
    assert_eq!((&mixed["average_ratings_product"], &mixed["n_ratings"]), (&json!(3.0), &json!(40)));
    // One review praises the price and complains of the delivery.
    assert_eq!(aspect(&praised, "price")["share_positive"], 1.0, "{praised}");
    assert_eq!(aspect(&praised, "delivery")["share_positive"], 0.0, "{praised}");
    assert_eq!(codes(&of(&server, "new")), ["no_reviews"]);

    // A person who is forgotten takes the review along, also before the next run.
    server.call("DELETE", "/v1/users/praisedNone0", &json!({}));
    assert_eq!(of(&server, "praised")["n_reviews"], 4);

    // Kept over a restart, and nobody's head for another encoder.
    let kept = of(&server, "praised");
    assert!(server.stop().success());
    let server = Server::start_with(dir.path(), &env);
    assert_eq!(of(&server, "praised"), kept);
    let refused = server.send("POST", "/v1/reviews", br#"{"head": {"reading": 7}}"#);
    assert_eq!(refused.problem(), (400, "invalid_parameter".to_owned()));
}

#[test]
fn without_a_model_or_with_few_reviews_the_answer_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    server.post("/v1/events", &json!([review("a", "p", Some(5), GOOD[0]), review("b", "p", Some(1), BAD[0])]));
    server.post("/v1/reviews", &json!({}));
    let few = of(&server, "p");
    assert_eq!((&few["sentiment_score_user_reviews"], &few["average_ratings_product"]), (&Value::Null, &json!(3.0)));
    assert_eq!(codes(&few), ["no_text_model", "no_sentiment_head"], "{few}");

    // A head that a file taught, by the command line, through the running server.
    let rows = GOOD.iter().map(|text| (5, text)).chain(BAD.iter().map(|text| (1, text)));
    let csv: String = rows.map(|(stars, text)| format!("{stars},\"{text}\"\n")).collect();
    let file = dir.path().join("labelled.csv");
    std::fs::write(&file, format!("estrellas,texto\n{csv}")).unwrap();
    let from =
        ["reviews", "--json", "--from", file.to_str().unwrap(), "--map", "estrellas=stars", "--map", "texto=text"];
    let output = vitrina(dir.path(), &from);
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&told["head"]["reads"], &told["n_reviews"]), (&json!("tf-idf"), &json!(2)), "{told}");
    assert_eq!(codes(&of(&server, "p")), ["no_text_model"]);
    // The next run has too few of its own and keeps it.
    assert_eq!(codes(&server.post("/v1/reviews", &json!({}))), ["no_text_model", "sentiment_head_kept"]);

    let wrong = vitrina(dir.path(), &["reviews", "--from", file.to_str().unwrap(), "--map", "estrellas=stars"]);
    let said = String::from_utf8_lossy(&wrong.stderr);
    assert!(!wrong.status.success() && said.contains("wanted a column `text`"), "{said}");
}
