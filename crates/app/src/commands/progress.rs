//! Progress bars on standard error, so that answers on standard output stay clean.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use parking_lot::Mutex;

/// A bar over a known number of things.
pub fn bar(of: u64, what: &str) -> ProgressBar {
    let template = "{msg:32!} {wide_bar:.cyan/blue} {human_pos}/{human_len} {per_sec} {eta}";
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(of).with_style(style).with_message(what.to_owned())
}

/// A bar over bytes.
pub fn bytes(of: u64, what: &str) -> ProgressBar {
    let template = "{msg:32!} {wide_bar:.cyan/blue} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
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

/// The bar of whatever fit is under way.
#[derive(Default)]
pub struct FitBar(Mutex<Option<ProgressBar>>);

impl FitBar {
    pub fn show(&self, p: models::Progress) {
        let mut bar = self.0.lock();
        let bar = bar.get_or_insert_with(|| self::bar(p.n_steps as u64, ""));
        bar.set_message(format!("fit {}", p.model));
        bar.set_length(p.n_steps as u64);
        bar.set_position(p.step as u64);
    }

    /// Writes a line above the bar.
    pub fn say(&self, line: &str) {
        match &*self.0.lock() {
            Some(bar) => bar.println(line),
            None => eprintln!("{line}"),
        }
    }
}
