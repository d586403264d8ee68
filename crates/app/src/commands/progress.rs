//! Progress bars on standard error, so that answers on standard output stay clean.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over a known number of things.
pub fn bar(of: u64, what: &str) -> ProgressBar {
    let template = "{msg:32!} {wide_bar:.cyan/blue} {human_pos}/{human_len} {per_sec} {eta}";
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(of).with_style(style).with_message(what.to_owned())
}

/// A spinner for what has no known end.
pub fn spinner(what: &str) -> ProgressBar {
    let template = "{spinner:.cyan} {msg} {elapsed}";
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner());
    let bar = ProgressBar::new_spinner().with_style(style).with_message(what.to_owned());
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}
