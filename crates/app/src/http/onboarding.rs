//! What to ask a newcomer, and what they answer. Answers are events like any other.

use std::sync::Arc;

use axum::{Json, extract::State};
use domain::{Channel, Preference, Product, ProductId};
use features::Subject;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use serve::{Language, Question, Snapshot};
use ulid::Ulid;
use utoipa::{IntoParams, ToSchema};

use super::{
    extract::{ApiJson, ApiQuery},
    problem::{Problem, Result},
};
use crate::{
    engine::{Engine, Who},
    metrics::AnswerLabel,
};

/// Questions on one page where nobody says, and the most that may be asked for.
const QUESTIONS: usize = 5;
const QUESTIONS_MAX: usize = 10;
/// Most answers in one request.
const ANSWERS_MAX: usize = 50;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Newcomer {
    /// The shop's user id
    user_id: Option<String>,
    /// The visitor's cookie or device id
    anonymous_id: Option<String>,
    /// How many questions [default: 5, at most 10]
    n: Option<usize>,
    /// Language of `text`: es or en [default: the shop's]
    lang: Option<String>,
}

/// The next page of questions.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page {
    /// Best first; picked together, so that no two ask the same thing
    questions: Vec<QuestionBody>,
    /// Nothing is worth asking any more
    done: bool,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct QuestionBody {
    /// Send it back with the answer
    #[schema(example = "category:Cocina")]
    id: String,
    /// category or product
    kind: &'static str,
    /// What it is about
    label: String,
    /// As the shopper reads it
    #[schema(example = "¿Te gusta Cocina?")]
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    product: Option<ProductBody>,
    /// What the answer is expected to tell of the shopper's taste, in bits, beside the questions before it
    expected_information: f64,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ProductBody {
    product_id: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_link: Option<String>,
}

/// The few questions that tell most about a newcomer, after what they answered and did so far.
#[utoipa::path(get, path = "/v1/onboarding", tag = "users", params(Newcomer),
    responses((status = 200, body = Page), (status = 400, body = Problem)))]
pub async fn get(State(engine): State<Arc<Engine>>, ApiQuery(newcomer): ApiQuery<Newcomer>) -> Result<Json<Page>> {
    Ok(Json(page(&engine, &newcomer)?))
}

/// Whom to ask, and how many questions.
fn whom(engine: &Engine, newcomer: &Newcomer) -> Result<(Who, usize)> {
    let n = newcomer.n.unwrap_or(QUESTIONS);
    if n == 0 || n > QUESTIONS_MAX {
        return Err(Problem::parameter(format!("n must be 1 to {QUESTIONS_MAX}, got {n}")));
    }
    if newcomer.user_id.is_none() && newcomer.anonymous_id.is_none() {
        return Err(Problem::parameter("got neither user_id nor anonymous_id, wanted one: whom to ask?"));
    }
    Ok((engine.who(newcomer.user_id.as_deref(), newcomer.anonymous_id.as_deref())?, n))
}

fn page(engine: &Engine, newcomer: &Newcomer) -> Result<Page> {
    let (who, n) = whom(engine, newcomer)?;
    let language = Language::of(newcomer.lang.as_deref().unwrap_or(&engine.shop.locale));
    let (questions, snapshot) = engine.questions(&who, n);
    let questions: Vec<_> = questions.iter().map(|question| body(question, &snapshot, language)).collect();
    Ok(Page { done: questions.is_empty(), questions })
}

fn body(question: &Question, snapshot: &Snapshot, language: Language) -> QuestionBody {
    let product = match &question.subject {
        Subject::Product(id) => snapshot.shelf.get(id).map(AsRef::<Product>::as_ref),
        Subject::Category(_) => None,
    };
    let (kind, name) = match &question.subject {
        Subject::Product(id) => ("product", id.as_str()),
        Subject::Category(category) => ("category", category.as_str()),
    };
    let label = product.map_or(name, |product| &product.name).to_owned();
    let text = match language {
        Language::Spanish => format!("¿Te gusta {label}?"),
        Language::English => format!("Do you like {label}?"),
    };
    QuestionBody {
        id: format!("{kind}:{name}"),
        kind,
        label,
        text,
        product: product.map(|product| ProductBody {
            product_id: product.product_id.to_string(),
            name: product.name.clone(),
            price: product.price.map(|price| price.to_string()),
            image_link: product.image_link.clone(),
        }),
        expected_information: question.bits,
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Answers {
    /// The shop's user id
    user_id: Option<String>,
    /// The visitor's cookie or device id
    anonymous_id: Option<String>,
    /// As in an event, such as `{"personalization": true}`
    #[schema(value_type = Option<Object>)]
    consent: Option<Value>,
    answers: Vec<AnswerBody>,
    /// How many questions to ask next [default: 5, at most 10]
    n: Option<usize>,
    /// Language of the next questions
    lang: Option<String>,
}

/// About the question `id`, or about any product or category.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerBody {
    #[schema(example = "category:Cocina")]
    id: Option<String>,
    product_id: Option<String>,
    category: Option<String>,
    /// like, dislike or unknown
    #[schema(value_type = String, example = "like")]
    answer: Preference,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Heard {
    /// Answers that are durable now
    accepted: u64,
    /// Answers that were not kept because the shopper refused personalization
    withheld: u64,
    #[serde(flatten)]
    next: Page,
}

/// Keeps what a newcomer answered; the next slate knows it. Answers with the next questions.
#[utoipa::path(post, path = "/v1/onboarding", tag = "users", request_body = Answers,
    responses((status = 200, body = Heard), (status = 400, body = Problem), (status = 507, body = Problem)))]
pub async fn post(State(engine): State<Arc<Engine>>, ApiJson(body): ApiJson<Answers>) -> Result<Json<Heard>> {
    if body.answers.len() > ANSWERS_MAX {
        let n = body.answers.len();
        return Err(Problem::parameter(format!("got {n} answers, at most {ANSWERS_MAX} a request are accepted")));
    }
    let newcomer = Newcomer { user_id: body.user_id, anonymous_id: body.anonymous_id, n: body.n, lang: body.lang };
    // The newcomer is checked before anything is kept.
    whom(&engine, &newcomer)?;
    let snapshot = engine.snapshot();
    let events = body
        .answers
        .iter()
        .map(|answer| Ok(event(&newcomer, body.consent.as_ref(), &subject(answer, &snapshot)?, answer.answer).into()))
        .collect::<Result<Vec<collect::Incoming>>>()?;
    let verdicts = engine.accept(events, Channel::Server, "onboarding").await?;
    if let Some(refused) = verdicts.rejected.first() {
        return Err(Problem::parameter(&refused.detail));
    }
    for answer in &body.answers {
        engine.metrics.onboarding_answers.get_or_create(&AnswerLabel { answer: answer.answer.as_str() }).inc();
    }
    let next = page(&engine, &newcomer)?;
    Ok(Json(Heard { accepted: verdicts.accepted, withheld: verdicts.withheld, next }))
}

/// What an answer is about: something that the shop has.
fn subject(answer: &AnswerBody, snapshot: &Snapshot) -> Result<Subject> {
    let subject = match (&answer.id, &answer.product_id, &answer.category) {
        (Some(id), None, None) => match id.split_once(':') {
            Some(("product", id)) => Subject::Product(ProductId::new(id).map_err(Problem::parameter)?),
            Some(("category", category)) => Subject::Category(category.to_owned()),
            _ => {
                let detail = format!("id must be that of a question, such as category:Cocina, got {id:?}");
                return Err(Problem::parameter(detail));
            }
        },
        (None, Some(id), None) => Subject::Product(ProductId::new(id).map_err(Problem::parameter)?),
        (None, None, Some(category)) => Subject::Category(category.clone()),
        _ => return Err(Problem::parameter("an answer needs exactly one of id, product_id and category")),
    };
    let (is_known, what) = match &subject {
        Subject::Product(id) => (snapshot.shelf.get(id).is_some(), format!("product {id}")),
        Subject::Category(category) => (snapshot.shelf.has_category(category), format!("category {category:?}")),
    };
    if !is_known {
        return Err(Problem::parameter(format!("{what} is not in the catalogue; send it first (PUT /v1/products)")));
    }
    Ok(subject)
}

fn event(newcomer: &Newcomer, consent: Option<&Value>, subject: &Subject, preference: Preference) -> Value {
    let mut event = Map::from_iter([
        ("event".to_owned(), json!(domain::EventKind::PreferenceDeclared)),
        ("message_id".to_owned(), json!(format!("onboarding-{}", Ulid::new()))),
        ("user_id".to_owned(), json!(newcomer.user_id)),
        ("anonymous_id".to_owned(), json!(newcomer.anonymous_id)),
        ("consent".to_owned(), json!(consent)),
        ("preference".to_owned(), json!(preference)),
    ]);
    match subject {
        Subject::Product(id) => event.insert("product_id".to_owned(), json!(id)),
        Subject::Category(category) => event.insert("category".to_owned(), json!(category)),
    };
    Value::Object(event)
}
