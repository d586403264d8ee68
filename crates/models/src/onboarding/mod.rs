//! What to ask a newcomer: taste groups of the people that a shop knows, and the questions whose answers tell most about
//! the group somebody belongs to.
//!
//! [`Population`] is a mixture of K taste groups; [`Interview`] holds the belief about one newcomer and picks questions by
//! expected information:
//!
//! ```text
//! P(group | answers)  ∝  P(group) · Π P(answer | group)
//! gain(question)      =  H(answer) − Σ_g P(g) · H(answer | g)          bits: mutual information of answer and group
//! ```
//!
//! Asking by what is learned rather than by a fixed list: Rashid et al., *Getting to Know You* (IUI 2002) and *Learning
//! preferences of new users* (SIGKDD Explorations 2008, IGCN); adaptive to the answers: Golbandi, Koren, Lempel (WSDM 2011);
//! survey: Elahi, Ricci, Rubens (2016). Several questions for one page are picked greedily by their joint information,
//! which for answers that are independent given the group is within 1 − 1/e of the best set (Krause, Guestrin, UAI 2005).

mod interview;
mod population;

pub use interview::{Answer, Asked, Interview, Topic};
pub use population::Population;
